"""Where the service's own private keys lie: files that only the service may read, or a hardware module.

Beside each key in use there may lie the one that follows it: made and registered first, then put in its
place in one step, so that at no moment there is no key to sign with.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from apps.audit.errors import Refused
from apps.audit.hardware import the_token
from apps.engine.errors import BadInput
from apps.engine.keys import FileSigner, Purpose, Signer


def key_path(purpose: Purpose, *, following: bool = False) -> Path:
    """The file of a key, or of what names it in the token."""
    suffix = "pkcs11" if _in_hardware() else "pem"
    return _folder() / f"{purpose}{'.next' if following else ''}.{suffix}"


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


def held(purpose: Purpose) -> Signer | None:
    """The service's key for a purpose, None when there is none."""
    return _at(key_path(purpose))


def following(purpose: Purpose) -> Signer | None:
    """The key that waits to take over from the one in use."""
    return _at(key_path(purpose, following=True))


def made(purpose: Purpose, *, following: bool = False) -> Signer:
    """The service's key for a purpose, made now when there is none yet."""
    path = key_path(purpose, following=following)
    try:
        return _at(path) or _create(path, purpose)
    except FileExistsError:
        return made(purpose, following=following)
    except OSError as error:
        raise Refused(f"A key cannot be kept at {path}: {error.strerror}.", code="key_unusable") from error


def take_over(purpose: Purpose) -> None:
    """Put the key that waits in the place of the one in use, whose private half is gone with it."""
    path = key_path(purpose)
    try:
        key_path(purpose, following=True).replace(path)
        _synced(path.parent)
    except OSError as error:
        raise Refused(f"The key {path} cannot be replaced: {error.strerror}.", code="key_unusable") from error


def _folder() -> Path:
    return Path(settings.STATE) / "keys"


def _register() -> Path:
    return _folder() / "registered"


def _in_hardware() -> bool:
    return getattr(settings, "KEYS", "file") == "pkcs11"


def _synced(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _at(path: Path) -> Signer | None:
    try:
        stamp = path.stat()
        if path.suffix == ".pkcs11":
            return _in_token(path.read_text(encoding="ascii").strip(), path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"The key {path} cannot be read: {error.strerror}.", code="key_unusable") from error
    return _opened(path, stamp.st_mtime_ns, stamp.st_ino)


def _in_token(named: str, path: Path) -> Signer:
    try:
        ident = bytes.fromhex(named)
    except ValueError as error:
        raise Refused(f"{path} does not name a key of the token.", code="key_unusable") from error
    return _found(ident, path)


@lru_cache(maxsize=8)
def _found(ident: bytes, path: Path) -> Signer:
    signer = the_token().find(ident)
    if signer is None:
        raise Refused(f"The token has no key {ident.hex()}, which {path} names.", code="key_unusable")
    return signer


def _create(path: Path, purpose: Purpose) -> Signer:
    if not _in_hardware():
        return FileSigner.create(path)
    ident = the_token().make(f"countersign-{purpose}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{ident.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return _in_token(ident.hex(), path)


@lru_cache(maxsize=8)
def _opened(path: Path, changed: int, inode: int) -> FileSigner:
    try:
        return FileSigner.open(path)
    except BadInput as error:
        raise Refused(str(error), code="key_unusable") from error
    except OSError as error:
        raise Refused(f"The key {path} cannot be read: {error.strerror}.", code="key_unusable") from error
