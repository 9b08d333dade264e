"""The archive of a pack as it is written: each file with its digest, then the manifest, then its seal."""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from apps.engine.canonical import canonical, digest

MANIFEST, SEAL = "manifest.json", "manifest.dsse.json"
_DAY = (1980, 1, 1, 0, 0, 0)  # an archive tells nothing by the times of its files


@dataclass(slots=True)
class PackArchive:
    """A zip archive that grows file by file."""

    out: IO[bytes]
    entries: list[dict[str, Any]] = field(default_factory=list)
    _zip: zipfile.ZipFile = field(init=False)

    def __post_init__(self) -> None:
        self._zip = zipfile.ZipFile(self.out, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    def add(self, path: str, data: bytes) -> None:
        self.add_parts(path, [data])

    def add_parts(self, path: str, parts: Iterable[bytes]) -> int:
        """A file from its parts as they come; how many there were."""
        found, size, count = hashlib.sha256(), 0, 0
        with self._zip.open(zip_entry(path), "w", force_zip64=True) as file:
            for part in parts:
                file.write(part)
                found.update(part)
                size += len(part)
                count += 1
        self.entries.append({"path": path, "size": size, "sha256": found.hexdigest()})
        return count

    def manifest(self, told: Mapping[str, Any]) -> str:
        """Write the manifest with every file so far; its digest."""
        files = sorted(self.entries, key=lambda entry: str(entry["path"]))
        data = canonical({"kind": "AuditorPack", "format": 1, **told, "files": files})
        self._zip.writestr(zip_entry(MANIFEST), data)
        return digest(data)

    def seal(self, envelope: bytes) -> None:
        """Write the envelope that signs the manifest; nothing comes after it."""
        self._zip.writestr(zip_entry(SEAL), envelope)
        self._zip.close()


def zip_entry(path: str) -> zipfile.ZipInfo:
    """An entry that tells nothing of when and where it was made."""
    info = zipfile.ZipInfo(path, _DAY)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
