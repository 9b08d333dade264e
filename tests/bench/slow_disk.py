"""A database whose commits wait a fixed time: in memory, with a rest before each flush of its log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from governance.local import postgres
from governance.local.bootstrap import APP, OWNER, SEQUENCER, bootstrap
from governance.local.places import Places
from tests.bench.measuring import ROOT

_RESTING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int fdatasync(int file) {
  struct timespec rest = {0, atol(getenv("REST_MICROSECONDS")) * 1000};
  nanosleep(&rest, NULL);
  return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(file);
}
"""
_DATABASE = "countersign"


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A durable server of its own, migrated; addresses for each role."""

    places: Places

    def url(self, role: str = "app") -> str:
        login = {"app": APP, "owner": OWNER, "sequencer": SEQUENCER}[role]
        return f"postgresql://{login}@/{_DATABASE}?host={self.places.sockets}"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "COUNTERSIGN_DATABASE_ROLE": "app",
            "DATABASE_URL": self.url("app"),
            "COUNTERSIGN_OWNER_DATABASE_URL": self.url("owner"),
            "COUNTERSIGN_SEQUENCER_DATABASE_URL": self.url("sequencer"),
        }


def can_rest() -> bool:
    """Whether commits can be made to wait here: a compiler and a file system in memory."""
    return shutil.which("cc") is not None and Path("/dev/shm").is_dir()


@contextmanager
def own_server(*, rest_us: int = 0) -> Iterator[OwnServer]:
    """A server on this machine's disk, or, where its commits rest, in memory."""
    above = "/dev/shm" if rest_us else None
    folder = Path(tempfile.mkdtemp(prefix="cs-bench-", dir=above))
    folder.chmod(0o755)
    server = postgres.Postgres(Places(folder))
    former = postgres._environment
    postgres._environment = lambda: former() | (_resting(folder, rest_us) if rest_us else {})
    try:
        server.start()
        bootstrap(server.connect)
        made = OwnServer(server.places)
        environment = made.environment() | {"COUNTERSIGN_DATABASE_ROLE": "owner"}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        yield made
    finally:
        postgres._environment = former
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _resting(folder: Path, rest_us: int) -> dict[str, str]:
    source, library = folder / "resting.c", folder / "resting.so"
    source.write_text(_RESTING)
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return {"LD_PRELOAD": str(library), "REST_MICROSECONDS": str(rest_us)}
