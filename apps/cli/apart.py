"""Measuring for the program: in a child process, so that a hostile file ends the child and no more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from apps.engine.child import Limits, in_child
from apps.engine.errors import BadInput
from apps.engine.manifest import Manifest, read_manifest

# A person waits here and can stop it: time is generous, memory and the walls are as everywhere.
LIMITS = Limits(wall_s=4 * 3600, cpu_s=16 * 3600)


def manifest_at(place: str) -> tuple[Path, Manifest]:
    """The manifest of that name, or of the folder of that name, and where it lies."""
    path = Path(place)
    try:
        path = path / "model.yaml" if path.is_dir() else path
        data = path.read_bytes()
    except FileNotFoundError as problem:
        raise BadInput(f"{path} does not exist.") from problem
    except (OSError, ValueError) as problem:
        raise BadInput(f"{path} cannot be read: {getattr(problem, 'strerror', problem)}.") from problem
    return path.absolute(), read_manifest(data, name=path.name)


def ask(
    task: Mapping[str, Any], *, progress: Callable[[Mapping[str, Any]], None] | None = None
) -> dict[str, Any]:
    """The result of a task done in a child; `BadInput` with its reason where there is none."""
    answer = in_child(task, limits=LIMITS, progress=progress)
    if answer["status"] != "done":
        raise BadInput(answer["reason"])
    if answer.get("device", "cpu") != "cpu":
        sys.stderr.write(f"countersign: explained with {answer['device']}\n")
    found: dict[str, Any] = answer["result"]
    return found
