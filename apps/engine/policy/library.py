"""Where a policy finds those that it extends: a set of policy files by id and version.

A file that cannot be read is set aside with its reason; it never hides the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy.vocabulary import nearest

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """One policy file: its name, bytes, id and version."""

    name: str
    data: bytes
    id: str
    version: Version


class Library:
    """Policies by id and version.

    Parameters
    ----------
    texts : mapping of str to bytes
        The files by name. Files of another kind (cases, scorecards) are passed over.
    behind : Library, optional
        Where to look for an id that these files do not have.

    Attributes
    ----------
    broken : dict of str to str
        Files that cannot be read, with the reason.
    """

    def __init__(self, texts: Mapping[str, bytes], *, behind: Library | None = None) -> None:
        self._behind = behind
        self.broken: dict[str, str] = {}
        self._held: dict[str, list[Entry]] = {}
        for name in sorted(texts):
            self._add(name, texts[name])

    @classmethod
    def folder(cls, path: Path, *, behind: Library | None = None) -> Library:
        """Every ``*.yaml`` of a folder and of the folders in it; cases are left out."""
        files = sorted({*path.glob("*.yaml"), *path.glob("*/*.yaml")})
        texts, broken = {}, {}
        for file in files:
            name = str(file.relative_to(path))
            try:
                texts[name] = _text_of(file)
            except OSError as problem:
                broken[name] = f"{name} cannot be read: {problem.strerror or problem}."
        library = cls(texts, behind=behind)
        library.broken |= broken
        return library

    @classmethod
    def shipped(cls) -> Library:
        """The policies that come with the program."""
        return cls.folder(shipped_folder())

    def _add(self, name: str, data: bytes) -> None:
        try:
            entry = _entry(name, data)
        except BadInput as problem:
            self.broken[name] = str(problem)
            return
        if entry is not None:
            self._held.setdefault(entry.id, []).append(entry)

    def ids(self) -> list[str]:
        """The ids of all policies, sorted."""
        return sorted(self._held)

    def entries(self) -> list[Entry]:
        """Every policy, by id and version."""
        every = [entry for held in self._held.values() for entry in held]
        return sorted(every, key=lambda e: (e.id, e.version, e.name))

    def find(self, policy_id: str, major: int) -> Entry:
        """The newest version of a policy with that major.

        Raises
        ------
        BadInput
            No such policy, no such major, or two different files that claim the same version.
        """
        if policy_id not in self._held and self._behind is not None:
            return self._behind.find(policy_id, major)
        if policy_id not in self._held:
            raise BadInput(f'There is no policy "{policy_id}" to extend.{nearest(policy_id, self._held)}')
        same = [entry for entry in self._held[policy_id] if entry.version[0] == major]
        if not same:
            have = ", ".join(sorted({_text(entry.version) for entry in self._held[policy_id]}))
            raise BadInput(f"{policy_id} has no version {major}.x.y; there is {have}.")
        newest = max(entry.version for entry in same)
        twins = [entry for entry in same if entry.version == newest]
        if len({entry.data for entry in twins}) > 1:
            names = " and ".join(entry.name for entry in twins)
            raise BadInput(f"{names} both claim to be {policy_id}@{_text(newest)} and differ.")
        return twins[0]


def _text_of(file: Path) -> bytes:
    """The bytes of a plain file, and no more of them than make it too long."""
    if not file.is_file():
        raise OSError(f"{file.name} is not a plain file")
    with file.open("rb") as stream:
        return stream.read(strict_yaml.MAX_BYTES + 1)


def _text(version: Version) -> str:
    return ".".join(str(part) for part in version)


def _entry(name: str, data: bytes) -> Entry | None:
    value = strict_yaml.read(data, name=name).value
    if not isinstance(value, dict) or value.get("kind") != "Policy":
        return None
    metadata = value.get("metadata")
    policy_id, text = (
        (metadata.get(key) for key in ("id", "version")) if isinstance(metadata, dict) else ("", "")
    )
    parts = str(text).split(".")
    if not isinstance(policy_id, str) or len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise BadInput(f"{name}: metadata.id and metadata.version do not name a policy.")
    return Entry(name, data, policy_id, (int(parts[0]), int(parts[1]), int(parts[2])))


def shipped_folder() -> Path:
    """The folder of the policies that come with the program, in a checkout or installed."""
    engine = Path(__file__).resolve().parents[1]
    installed = engine / "packs"
    return installed if installed.is_dir() else engine.parents[1] / "policies"
