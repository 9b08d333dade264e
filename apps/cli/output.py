"""Where the program's answer goes: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from apps.engine.errors import BadInput


def add_device(command: argparse.ArgumentParser) -> None:
    """The option of commands that measure: where array work may run."""
    command.add_argument(
        "--device", choices=("cpu", "cuda", "auto"), default="auto",
        help="where explanations may be computed (default: a GPU that is there)",
    )  # fmt: skip


def add_endpoint(command: argparse.ArgumentParser) -> None:
    """The options of commands that measure a model that may be a service."""
    command.add_argument(
        "--recorded", metavar="FILE", help="take an endpoint's answers from a transcript instead of asking it"
    )
    command.add_argument("--transcript", metavar="FILE", help="write what an endpoint was asked and answered")


def as_json(document: Any) -> str:
    """JSON as the interface promises: full doubles, no NaN, the order of the document."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def put(text: str, out: str | None) -> None:
    """Write to standard output, or to the file `out` by renaming a finished one."""
    if out is None:
        sys.stdout.write(text)
    else:
        put_bytes(text.encode(), out)


def put_bytes(data: bytes, out: str | None) -> None:
    """The same of bytes, as they are."""
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        _write(Path(out), data)
    except (OSError, RuntimeError, ValueError) as problem:
        raise BadInput(f"{out} cannot be written: {getattr(problem, 'strerror', problem)}.") from problem


def _write(place: Path, data: bytes) -> None:
    """A file is replaced where it really lies; a device or a pipe is written to and stays what it is."""
    place = place.resolve()
    if not place.exists() or place.is_file():
        _replace(place, data)
        return
    with place.open("wb") as stream:
        stream.write(data)


def _replace(place: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
