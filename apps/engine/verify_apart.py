"""Judge a report that anybody may have made in a process of its own, behind the walls that models have too.

A PDF can make its reader loop or swell; a child that does so is ended and costs its parent nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from apps.engine.canonical import read_time, rfc3339
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.verified import Question
from apps.engine.walls import Limits, raise_walls

PATIENCE_S: Final = 20.0
LIMITS: Final = Limits(cpu_s=15, memory=1 << 30, files=64, file_bytes=0)
AT_ONCE: Final = 2

_places = threading.BoundedSemaphore(AT_ONCE)


class Busy(Problem):
    """Too many files are being judged at once."""


def judge_apart(data: bytes, question: Question) -> dict[str, Any]:
    """What `judge_report` says of a file as plain values, from a child.

    `wrong` is set where the child could not come to an end. Busy where too many children run already.
    """
    if not _places.acquire(blocking=False):
        raise Busy("Too many files are being verified at this moment; try again in a minute.")
    try:
        return _asked(data, question)
    finally:
        _places.release()


def _asked(data: bytes, question: Question) -> dict[str, Any]:
    keys = question.keys.as_json() if question.keys is not None else None
    head = {"at": rfc3339(question.at), "keys": keys, "signers": list(question.signers)}
    message = json.dumps(head).encode() + b"\n" + data
    path = os.pathsep.join(p for p in sys.path if p)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "apps.engine.verify_apart"],
            input=message,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            env={"PYTHONPATH": path, "PATH": os.defpath},
        )
    except subprocess.TimeoutExpired:
        return _gave_up("it takes longer to read than any report")
    if done.returncode != 0:
        return _gave_up("it cannot be read within the limits of a report")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _gave_up(why: str) -> dict[str, Any]:
    return {"signatures": [], "archived": [], "pinned": True, "wrong": f"The file is no report: {why}."}


def main() -> None:
    """The child: one question and one file in, one line of JSON out; it reaches no file but its own code."""
    raise_walls(LIMITS)
    from apps.engine.verify_pdf import judge_report

    head = json.loads(sys.stdin.buffer.readline())
    question = Question(
        at=read_time(head["at"], what="at") if head["at"] else datetime.now(UTC),
        keys=KeySet.from_json(head["keys"]) if head["keys"] is not None else None,
        signers=head["signers"],
    )
    found = asdict(judge_report(sys.stdin.buffer.read(), question))
    sys.stdout.write(json.dumps(found, default=rfc3339))


if __name__ == "__main__":
    main()
