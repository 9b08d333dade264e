"""Where the service's own private keys lie: files of the state folder that only the service may read."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from apps.audit.errors import Refused
from apps.engine.errors import BadInput
from apps.engine.keys import FileSigner, Purpose


def key_path(purpose: Purpose) -> Path:
    return Path(settings.STATE) / "keys" / f"{purpose}.pem"


def remember(key_id: str) -> None:
    """Note beside the keys that the service itself registered this one; the database cannot write here."""
    path = _register()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{key_id}\n")
        file.flush()
        os.fsync(file.fileno())


def remembered() -> frozenset[str]:
    """Every key that the service registered, and those it holds: no other was ever its own."""
    signers = (held(purpose) for purpose in Purpose)
    try:
        noted = _register().read_text(encoding="ascii").split()
    except FileNotFoundError:
        noted = []
    return frozenset({*noted, *(signer.key_id for signer in signers if signer is not None)})


def _register() -> Path:
    return Path(settings.STATE) / "keys" / "registered"


def held(purpose: Purpose) -> FileSigner | None:
    """The service's key for a purpose, None when there is no file."""
    path = key_path(purpose)
    try:
        stamp = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"The key {path} cannot be read: {error.strerror}.", code="key_unusable") from error
    return _opened(path, stamp.st_mtime_ns, stamp.st_ino)


def made(purpose: Purpose) -> FileSigner:
    """The service's key for a purpose, made now when there is none yet."""
    try:
        return held(purpose) or FileSigner.create(key_path(purpose))
    except FileExistsError:
        return made(purpose)
    except OSError as error:
        raise Refused(
            f"A key cannot be kept at {key_path(purpose)}: {error.strerror}.", code="key_unusable"
        ) from error


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int, inode: int) -> FileSigner:
    try:
        return FileSigner.open(path)
    except BadInput as error:
        raise Refused(str(error), code="key_unusable") from error
    except OSError as error:
        raise Refused(f"The key {path} cannot be read: {error.strerror}.", code="key_unusable") from error
