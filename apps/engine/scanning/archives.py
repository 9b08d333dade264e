"""Zip and tar by their listings: names, kinds, sizes and ratios, before anything is unpacked."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from apps.engine.scanning.report import Finding, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member as the listing states it."""

    name: str
    size: int
    packed: int
    plain: bool
    what: str = "a special file"


def zip_members(archive: zipfile.ZipFile) -> list[Member]:
    """The members of a zip; directories are left out."""
    members = []
    for info in archive.infolist():
        if info.is_dir() and not info.file_size:
            continue
        mode = info.external_attr >> 16
        link = bool(mode) and stat.S_IFMT(mode) not in (0, stat.S_IFREG)
        locked = bool(info.flag_bits & 1)
        what = "encrypted" if locked else "a link or a special file"
        members.append(
            Member(
                name=info.orig_filename,
                size=info.file_size,
                packed=info.compress_size,
                plain=not link and not locked,
                what=what,
            )
        )
    return members


def is_zip_too(stream: IO[bytes]) -> bool:
    """Whether content of another kind also ends as a zip archive with members, for those who read it so."""
    if not zipfile.is_zipfile(stream):
        return False
    try:
        with zipfile.ZipFile(stream) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False  # four bytes that happen to look like an end


def tar_members(archive: tarfile.TarFile, limits: Limits) -> list[Member]:
    """The members of a tar, at most one more than the limit; directories are left out."""
    members = []
    for info in archive:
        if info.isdir():
            continue
        what = "a link" if info.issym() or info.islnk() else "a device or special file"
        members.append(
            Member(name=info.name, size=info.size, packed=info.size, plain=info.isreg(), what=what)
        )
        if len(members) > limits.members:
            break
    return members


def listing_findings(
    members: Iterable[Member], packed_size: int, where: str, limits: Limits
) -> list[Finding]:
    """What the listing alone refuses: bombs, paths that leave the folder, links, doubled names."""
    members = list(members)
    found = _bombs(members, packed_size, where, limits)
    seen: dict[str, str] = {}
    for member in members[: limits.members]:
        found.extend(_name(member, where))
        folded = member.name.casefold().replace("\\", "/").rstrip("/")
        if folded in seen:
            found.append(_found("doubled-name", where, f'holds "{member.name}" twice'))
        seen[folded] = member.name
        if not member.plain:
            found.append(_found("special-member", where, f'holds "{member.name}", which is {member.what}'))
    return found


def _bombs(members: list[Member], packed_size: int, where: str, limits: Limits) -> list[Finding]:
    found = []
    if len(members) > limits.members:
        found.append(_found("archive-members", where, f"holds more than {limits.members} files"))
    total = sum(m.size for m in members)
    if total > limits.unpacked:
        found.append(_found("archive-size", where, f"would unpack to {total} bytes"))
    if total > limits.ratio_from and total > limits.ratio * max(1, packed_size):
        found.append(_found("archive-ratio", where, f"would unpack to over {limits.ratio} times its size"))
    if sum(m.packed for m in members) > packed_size:
        found.append(_found("archive-overlap", where, "has members that overlap"))
    return found


def _name(member: Member, where: str) -> list[Finding]:
    name = member.name
    parts = PurePosixPath(name.replace("\\", "/")).parts
    outside = ".." in parts or name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":")
    if not name or outside or "\0" in name:
        return [_found("archive-path", where, f'holds a file that would land outside its folder: "{name}"')]
    return []


def _found(code: str, where: str, what: str) -> Finding:
    return Finding(code=code, where=where, sentence=f"{where} {what}.")


def open_tar(stream: Any) -> tarfile.TarFile:
    """An uncompressed tar, for listing and reading members."""
    return tarfile.open(fileobj=stream, mode="r:")
