"""The guide “verify without trusting us”, followed word for word in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apps.reports.packs_lists import verifier_archive
from tests.verifier.making import small
from tests.verifier.test_packs import bare_libraries

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "verify-without-trusting-us.md"
BLOCK = re.compile(r"^```sh(?: exits with (\d))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """An empty folder with the pack and the keys; a Python that knows cryptography and nothing else."""
    bare = [Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", "--without-pip", tmp_path / "python"]
    subprocess.run(bare, check=True)
    (site,) = (tmp_path / "python" / "lib").glob("python3*/site-packages")
    site.rmdir()
    bare_libraries(site)
    folder = tmp_path / "room"
    folder.mkdir()
    made = small()
    made.files["verifier.pyz"] = verifier_archive()
    made.write(folder / "auditor-pack.zip")
    (folder / "keys.json").write_text(json.dumps(made.keys.as_json()))
    return folder


@pytest.mark.slow
def test_every_step_of_the_guide_does_what_it_says(room: Path) -> None:
    path = f"{room.parent / 'python' / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    blocks = BLOCK.findall(GUIDE.read_text("utf-8"))
    assert len(blocks) >= 4
    said = []
    for code, words in blocks:
        done = subprocess.run(
            ["bash", "-eu", "-c", words],
            cwd=room,
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == int(code or 0), (words, done.stdout, done.stderr)
        said.append(done.stdout)
    assert "auditor-pack.zip: genuine auditor pack" in said[0]
    assert (
        "pack: not genuine. README.md: It is not the file that the manifest names: it was changed." in said[1]
    )
    assert "not genuine. statements.jsonl: It is missing." in said[2]


def test_the_verifier_names_nothing_of_the_service() -> None:
    """It shares no code: its modules import the standard library, cryptography and themselves."""
    folder = GUIDE.parents[2] / "verifier" / "countersign_verify"
    allowed = {*sys.stdlib_module_names, "cryptography", "countersign_verify"}
    for place in folder.glob("*.py"):
        found = re.findall(r"^(?:from|import) (\w+)", place.read_text("utf-8"), re.MULTILINE)
        assert set(found) <= allowed, place.name
