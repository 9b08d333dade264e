"""Policies as they lie in a folder: one folder a policy, with `policy.yaml` and `cases/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.audit.errors import Invalid
from apps.engine import strict_yaml
from apps.engine.errors import BadInput


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The bytes of one policy and of its cases, by name."""

    name: str
    data: bytes
    cases: dict[str, bytes]
    id: str
    extends: tuple[str, ...]
    regulation: bool = False
    place: str = ""


def policy_folders(folder: Path) -> list[PolicyFiles]:
    """Every policy of a folder, each after those that it extends."""
    if not folder.is_dir():
        raise Invalid(f"{folder} is no folder of policies.", field="folder")
    found: dict[str, PolicyFiles] = {}
    for files in map(_read, sorted(folder.glob("*/policy.yaml"))):
        twin = found.setdefault(files.id, files)
        if twin is not files:
            told = (
                f"{files.place}: {twin.name} has the id {files.id} too; a folder holds one policy of an id."
            )
            raise Invalid(told, field="policy")
    ordered: dict[str, PolicyFiles] = {}
    for name in sorted(found):
        _append(name, found, ordered, ())
    return list(ordered.values())


def wanted(folder: Path, names: Sequence[str] = ()) -> list[PolicyFiles]:
    """Those named, with what they extend; without names every one that is no regulation's pack.

    A regulation's pack binds every model that nobody has taken out of its scope, so it is released only
    by its name.
    """
    found = {files.id: files for files in policy_folders(folder)}
    if missing := [name for name in names if name not in found]:
        raise Invalid(f"{folder} holds no policy {missing[0]}; it holds {', '.join(found)}.", field="names")
    if not names:
        return [files for files in found.values() if not files.regulation]
    chosen: dict[str, PolicyFiles] = {}
    for name in names:
        _append(name, found, chosen, ())
    return list(chosen.values())


def _append(
    name: str, found: dict[str, PolicyFiles], ordered: dict[str, PolicyFiles], chain: tuple[str, ...]
) -> None:
    # A circle, and a parent that is not in the folder, are refused when the policy is read.
    if name in ordered or name in chain or name not in found:
        return
    for parent in found[name].extends:
        _append(parent, found, ordered, (*chain, name))
    ordered[name] = found[name]


def _read(path: Path) -> PolicyFiles:
    """A file that cannot be read keeps its name for an id: it is refused when its turn comes, not before."""
    data, name = path.read_bytes(), f"{path.parent.name}/{path.name}"
    cases = {case.name: case.read_bytes() for case in sorted(path.parent.glob("cases/*.yaml"))}
    regulation = (path.parent / "controls.yaml").is_file()
    try:
        found = strict_yaml.read(data, name=name)
    except BadInput:
        return PolicyFiles(name, data, cases, name, (), regulation, name)
    document = found.value if isinstance(found.value, dict) else {}
    metadata, pins = document.get("metadata"), document.get("extends")
    line, column = found.position(("metadata", "id"))
    return PolicyFiles(
        name=name,
        data=data,
        cases=cases,
        id=str(metadata.get("id")) if isinstance(metadata, dict) else name,
        extends=tuple(str(pin).partition("@")[0] for pin in pins) if isinstance(pins, list) else (),
        regulation=regulation,
        place=f"{name}, line {line}, column {column}",
    )
