"""The secret key: from the environment, or made once and kept in the state folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from governance.env import EnvironmentRefused


def kept_secret(path: Path) -> str:
    """The secret in *path*, made with owner-only rights when it is not there. Two starters agree on one."""
    try:
        return _read(path)
    except FileNotFoundError:
        pass  # made below
    except OSError as error:
        raise _refused(path, error) from error
    try:
        return _make(path)
    except OSError as error:
        raise _refused(path, error) from error


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(64))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the other starter was first, and its secret is the one
    finally:
        draft.unlink()
    return _read(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _refused(path: Path, error: OSError) -> EnvironmentRefused:
    return EnvironmentRefused(
        f"The secret key in {path} cannot be read or made: {error.strerror}. "
        "Set COUNTERSIGN_SECRET_KEY, or choose with COUNTERSIGN_STATE a folder that this user may write to."
    )
