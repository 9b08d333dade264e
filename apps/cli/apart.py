"""Measuring for the program: in a child process, so that a hostile file ends the child and no more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apps.engine import strict_yaml
from apps.engine.child import Limits
from apps.engine.errors import BadInput
from apps.engine.files import read_document
from apps.engine.manifest import Manifest, read_manifest
from apps.outside.children import Outside, done_in_child
from apps.outside.permits import HOSTS, SECRETS, Permits

# A person waits here and can stop it: time is generous, memory and the walls are as everywhere.
LIMITS = Limits(wall_s=4 * 3600, cpu_s=16 * 3600)


def manifest_at(place: str) -> tuple[Path, Manifest]:
    """The manifest of that name, or of the folder of that name, and where it lies."""
    path = Path(place)
    with contextlib.suppress(OSError, ValueError):  # no name of a file: reading it says so
        path = path / "model.yaml" if path.is_dir() else path
    data = read_document(path, strict_yaml.MAX_BYTES)
    return path.absolute(), read_manifest(data, name=path.name)


def ask(
    task: Mapping[str, Any],
    *,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
    recorded: str | None = None,
    transcript: str | None = None,
) -> dict[str, Any]:
    """The result of a task done in a child; `BadInput` with its reason where there is none.

    Where the model is a service, `recorded` names a file with answers of an earlier time, and `transcript`
    one that is written.
    """
    done = done_in_child(task, outside=_outside(recorded), limits=LIMITS, progress=progress)
    if transcript is not None:
        _write(transcript, None if done.transcript is None else done.transcript.written())
    answer = done.answer
    if answer["status"] != "done":
        raise BadInput(answer["reason"])
    if answer.get("device", "cpu") != "cpu":
        sys.stderr.write(f"countersign: explained with {answer['device']}\n")
    found: dict[str, Any] = answer["result"]
    return found


def _outside(recorded: str | None) -> Outside:
    """What the environment lets this program ask, as it lets the workers of a server."""
    entries = [entry.strip() for entry in os.environ.get(HOSTS, "").split(",") if entry.strip()]
    return Outside(
        Permits.of(entries, os.environ.get(SECRETS)), recorded=None if recorded is None else _read(recorded)
    )


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as problem:
        raise BadInput(f"{name} cannot be read: {problem.strerror}.") from problem


def _write(name: str, data: bytes | None) -> None:
    if data is None:
        raise BadInput("--transcript: the model of this manifest is no endpoint, so nothing was asked.")
    try:
        Path(name).write_bytes(data)
    except OSError as problem:
        raise BadInput(f"{name} cannot be written: {problem.strerror}.") from problem
