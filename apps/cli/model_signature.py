"""`countersign verify --model-signature`: was a model, a file or a folder, signed exactly as it lies here?"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.engine.errors import BadInput, Problem
from apps.engine.model_key import trusted_key
from apps.engine.model_signing import ALONE, LARGEST, MOST_FILES, verify
from apps.engine.statement import NotGenuine

_LARGEST_KEY = 1 << 16


def examine_model(signature: Path, artifact: Path, key: Path, at: datetime) -> dict[str, Any]:
    """The answer about one model; BadInput where key, signature or artifact cannot be read."""
    pem = _read(key, _LARGEST_KEY)
    trusted_key(pem)
    data = _read(signature, LARGEST)
    answer: dict[str, Any] = {"file": str(signature), "genuine": False, "why": None, "pinned": True}
    try:
        signed = verify(data, digests(artifact, without=signature), pem, at=at)
    except NotGenuine as error:
        return {**answer, "why": str(error)}
    says = [["model", signed.name], ["files", str(len(signed.files))], ["digest", signed.digest]]
    says.append(["key", signed.key_id])
    return {**answer, "genuine": True, "what": "model signature", "says": says, "warnings": []}


def digests(artifact: Path, *, without: Path) -> dict[str, str]:
    """The digest of every file of a folder by its name in it, or of one file as "."; never through a link.

    The signature itself is left out; by its place, so that nothing else that holds the same bytes is.
    """
    try:
        kind = artifact.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unreadable(artifact, error) from error
    if not stat.S_ISDIR(kind):
        return {ALONE: _digest(artifact.resolve())}
    root, left_out = artifact.resolve(), without.resolve()
    found: dict[str, str] = {}
    for place in _files(root):
        if place == left_out:
            continue
        if len(found) == MOST_FILES:
            raise NotGenuine(f"The folder holds more than {MOST_FILES} files.")
        found[_name(place, root)] = _digest(place)
    return found


def _files(root: Path) -> Iterator[Path]:
    """Every file below a folder; NotGenuine for anything that is neither a file nor a folder."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise _unreadable(folder, error) from error
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
            elif entry.is_file(follow_symlinks=False):
                yield folder / entry.name
            else:
                kind = "symbolic link" if entry.is_symlink() else "device, pipe or socket"
                name = _name(folder / entry.name, root)
                raise NotGenuine(f'"{name}" is a {kind}; a signed model holds files only.')


def _name(place: Path, root: Path) -> str:
    """The name below the root; bytes that are no text are written out, which no signed name can be."""
    return os.fsencode(place.relative_to(root)).decode("utf-8", "backslashreplace")


def _digest(path: Path) -> str:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadInput(f"{path} is not a regular file.")
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if len(data) > largest:
        raise BadInput(f"{path.name} is larger than {largest >> 10} KiB.")
    return data


def _unreadable(path: Path, error: Exception) -> Problem:
    return BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")
