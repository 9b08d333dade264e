"""Policy files by name: read, with what they extend found beside them."""

from __future__ import annotations

import contextlib
from pathlib import Path

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.files import read_document
from apps.engine.policy import Library, Policy, read_policy, shipped_folder

_ALONE = "policy.yaml"


def library_for(path: Path, folder: str | None = None) -> Library:
    """Where a policy's `extends` looks: the folder given, or its neighbours; then what is shipped.

    The neighbours of ``<id>/policy.yaml`` are the folders beside its own; of another file, its folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise BadInput(f"{folder} is not a folder.")
    place = path.resolve()
    beside = place.parents[1] if place.name == _ALONE and len(place.parents) > 1 else place.parent
    return Library.folder(Path(folder) if folder else beside, behind=Library.shipped())


def read_at(path: Path, folder: str | None = None) -> Policy:
    """The policy in that file."""
    data = read_document(path, strict_yaml.MAX_BYTES)
    return read_policy(data, name=str(path), library=library_for(path, folder))


def read_named(names: list[str]) -> list[Policy]:
    """Policies by file, by folder, or by the id of one that comes with the program; each id once."""
    found: dict[str, tuple[str, Policy]] = {}
    for name in names:
        policy = read_at(_place(name))
        before, held = found.setdefault(policy.id, (name, policy))
        if held.digest != policy.digest:
            raise BadInput(f"{before} and {name} are two texts of one policy, {policy.id}; give one of them.")
    return [policy for _, policy in found.values()]


def _place(name: str) -> Path:
    path = Path(name)
    with contextlib.suppress(OSError, ValueError):  # no name of a file: reading it says so
        if not path.exists() and (shipped_folder() / name / _ALONE).exists():
            path = shipped_folder() / name
        return path / _ALONE if path.is_dir() else path
    return path
