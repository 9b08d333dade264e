"""A file that anybody may have made is judged behind walls: read to its end, and reaching nothing else."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from apps.engine.verified import Question
from apps.engine.verify_apart import judge_apart
from apps.engine.walls import lacking


def test_a_file_that_is_no_report_is_told_and_not_given_up_on() -> None:
    found = judge_apart(b"%PDF-1.7\nnothing", Question(at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert found["signatures"] == []
    assert "within the limits" not in str(found["wrong"])


@pytest.mark.skipif(bool(lacking()), reason="this machine's kernel does not offer these walls")
@pytest.mark.parametrize(
    "attempt", ["open('/etc/passwd')", "__import__('socket').socket()", "__import__('os').kill(1, 0)"]
)
def test_what_reads_it_reaches_nothing_else(attempt: str) -> None:
    code = f"from apps.engine.verify_apart import LIMITS, raise_walls\nraise_walls(LIMITS)\n{attempt}"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "PermissionError" in found.stderr
