"""Making the folders of a state folder, with the rights that the servers need and no more."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from governance.local.errors import LocalRefused
from governance.local.places import Places
from governance.local.processes import Account

_NEEDED = 150 * 1024 * 1024


def prepare(places: Places, account: Account) -> None:
    """The state folder, room in it, and the sockets' folder that only the servers' account may enter."""
    try:
        places.state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LocalRefused(
            f"The state folder {places.state} cannot be made: {error.strerror}. "
            "Choose another with COUNTERSIGN_STATE."
        ) from error
    _check_room(places.state)
    if account.other:
        _open_for(places.state)
    own(places.sockets, account)


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED:
        raise LocalRefused(
            f"The disk of {folder} has {free // 2**20} MB left; at least {_NEEDED // 2**20} MB are "
            "needed. Make room, or choose another folder with COUNTERSIGN_STATE."
        )


def _open_for(state: Path) -> None:
    """Let others pass through the state folder itself. Its parents are never changed."""
    closed = next((p for p in state.parents if not p.stat().st_mode & stat.S_IXOTH), None)
    if closed is not None:
        raise LocalRefused(
            f"The servers run as an unprivileged user, who may not enter {closed}. "
            f"Choose with COUNTERSIGN_STATE a folder outside {closed}."
        )
    state.chmod(state.stat().st_mode | stat.S_IXOTH)


def own(folder: Path, account: Account) -> None:
    """A folder that belongs to *account* alone. One that somebody else made is refused, not used."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise LocalRefused(
            f"{folder} is not a folder of this user; remove it, or choose another COUNTERSIGN_STATE."
        )
    folder.chmod(0o700)
    if account.other:
        os.chown(folder, account.uid, account.gid)
