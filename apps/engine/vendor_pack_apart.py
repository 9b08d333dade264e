"""Read a vendor's pack in a process of its own, behind the walls that models have too.

An archive can make its reader work for hours or swell; a child that does so is ended and costs its parent
nothing.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any, Final

from apps.engine.canonical import read_time, rfc3339
from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeySet
from apps.engine.statement import NotGenuine
from apps.engine.vendor_pack import VendorPack, read_vendor_pack
from apps.engine.verified import Question
from apps.engine.verify_apart import Busy
from apps.engine.walls import Limits, raise_walls

PATIENCE_S: Final = 60.0
LIMITS: Final = Limits(cpu_s=45, memory=2 << 30, files=64, file_bytes=0)

_place = threading.BoundedSemaphore(1)


def read_apart(data: bytes, question: Question) -> VendorPack:
    """What `read_vendor_pack` says of an archive, from a child.

    Raises
    ------
    NotGenuine
        Where it is no genuine pack of one model, or the child could not come to an end.
    Busy
        Where another is being read.
    """
    if question.keys is None:
        raise BadInput("Give the vendor's keys: those inside a pack prove nothing.")
    if not _place.acquire(blocking=False):
        raise Busy("Another pack is being read at this moment; try again in a minute.")
    try:
        found = _asked(data, question, question.keys)
    finally:
        _place.release()
    if "wrong" in found:
        raise NotGenuine(str(found["wrong"]))
    says = [(str(name), str(value)) for name, value in found["says"]]
    return VendorPack(model=found["model"], made=found["made"], says=says, answers=found["answers"])


def _asked(data: bytes, question: Question, keys: KeySet) -> dict[str, Any]:
    head = {"at": rfc3339(question.at), "keys": keys.as_json()}
    path = os.pathsep.join(p for p in sys.path if p)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "apps.engine.vendor_pack_apart"],
            input=json.dumps(head).encode() + b"\n" + data,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            env={"PYTHONPATH": path, "PATH": os.defpath},
        )
    except subprocess.TimeoutExpired:
        return {"wrong": "It takes longer to read than any pack of one model."}
    if done.returncode != 0:
        return {"wrong": "It cannot be read within the limits of a pack of one model."}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    """The child: one question and one archive in, one line of JSON out; it reaches no file but its code."""
    raise_walls(LIMITS)
    head = json.loads(sys.stdin.buffer.readline())
    question = Question(
        at=read_time(head["at"], what="at"), keys=KeySet.from_json(head["keys"]), into_reports=False
    )
    try:
        found: dict[str, Any] = asdict(read_vendor_pack(io.BytesIO(sys.stdin.buffer.read()), question))
    except Problem as problem:
        found = {"wrong": str(problem)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
