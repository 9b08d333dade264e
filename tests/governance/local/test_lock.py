from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from governance.local.errors import LocalRefused
from governance.local.lock import held

_HOLD = """
import sys, time
from pathlib import Path
from governance.local.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_supervisor_is_refused_with_the_first_ones_number(tmp_path: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(LocalRefused, match=rf"already runs over {tmp_path} \(process {holder.pid}\)"):
            held(tmp_path / "lock").__enter__()
    finally:
        holder.kill()
        holder.communicate()
    with held(tmp_path / "lock") as killed:
        assert killed


def test_a_number_in_the_file_holds_nothing(tmp_path: Path):
    (tmp_path / "lock").write_text("1\n")
    with held(tmp_path / "lock") as killed:
        assert killed


def test_a_clean_end_leaves_no_trace(tmp_path: Path):
    with held(tmp_path / "new" / "lock"):
        pass
    with held(tmp_path / "new" / "lock") as killed:
        assert not killed


def test_an_error_is_a_clean_end_too(tmp_path: Path):
    with pytest.raises(LocalRefused, match="for a reason"), held(tmp_path / "lock"):
        raise LocalRefused("for a reason")
    with held(tmp_path / "lock") as killed:
        assert not killed
