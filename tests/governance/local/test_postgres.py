from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from governance.local.bootstrap import bootstrap
from governance.local.errors import LocalRefused
from governance.local.places import Places
from governance.local.postgres import Postgres
from governance.local.processes import processes_in
from tests.governance.local.processes import alive

pytestmark = pytest.mark.slow

_HOLD = """
import sys, time
from pathlib import Path
from governance.local.places import Places
from governance.local.postgres import Postgres
print(Postgres(Places(Path(sys.argv[1]))).start().pid, flush=True)
time.sleep(600)
"""


@contextmanager
def running(places: Places) -> Iterator[Postgres]:
    server = Postgres(places, hasty=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _holder(places: Places) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", _HOLD, str(places.state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_roles_are_plain_and_the_database_belongs_to_the_owner(places: Places):
    with running(places) as server:
        bootstrap(server.connect)
        bootstrap(server.connect)
        with server.connect("countersign", "cs_owner") as owner:
            owner.execute("CREATE TABLE thing (id bigserial, name text)")
        with server.connect("countersign", "cs_app") as app:
            app.execute("INSERT INTO thing (name) VALUES ('a')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("DROP TABLE thing")
            plain = "SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname LIKE 'cs_%'"
            assert app.execute(plain).fetchone() == (False,)


def test_it_listens_on_no_port_and_only_its_account_may_enter(places: Places):
    with running(places) as server, server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert places.sockets.stat().st_mode & 0o077 == 0


def test_the_server_ends_with_its_holder_and_the_data_stay(places: Places):
    holder, server_pid = _holder(places)
    with Postgres(places).connect() as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    holder.kill()
    holder.communicate()
    with running(places) as server, server.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        assert server.process is not None
        assert server.process.pid != server_pid
    assert not alive(server_pid)


def test_a_server_killed_at_once_starts_again(places: Places):
    with running(places) as server:
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with running(places):
        pass
    assert processes_in(places.postgres_data) == []


def test_a_half_initialised_folder_is_made_anew(places: Places):
    draft = places.state / "postgres.new"
    (draft / "base").mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    with running(places) as server:
        server.connect().close()
    assert not draft.exists()


def test_a_stale_lock_that_names_a_living_process_is_no_obstacle(places: Places):
    with running(places):
        pass
    (places.postgres_data / "postmaster.pid").write_text(f"{os.getpid()}\n{places.postgres_data}\n0\n5432\n")
    with running(places) as server:
        server.connect().close()


def test_a_foreign_folder_is_left_alone(places: Places):
    places.postgres_data.mkdir()
    (places.postgres_data / "letter.txt").write_text("mine")
    with pytest.raises(LocalRefused, match="is no PostgreSQL data folder"):
        Postgres(places).start()
    assert (places.postgres_data / "letter.txt").read_text() == "mine"


def test_data_of_another_version_are_refused(places: Places):
    places.postgres_data.mkdir()
    (places.postgres_data / "PG_VERSION").write_text("9\n")
    with pytest.raises(LocalRefused, match="was written by PostgreSQL 9"):
        Postgres(places).start()


def test_a_long_state_folder_gets_a_short_socket_path(places: Places):
    deep = replace(places, state=places.state / ("long" * 30))
    places.state.chmod(0o755)
    assert len(str(deep.sockets)) < 88
    try:
        with running(deep) as server:
            server.connect().close()
    finally:
        for left in deep.sockets.iterdir():
            left.unlink()
        deep.sockets.rmdir()


def test_a_full_disk_is_said_before_anything_is_written(places: Places, monkeypatch: pytest.MonkeyPatch):
    free = os.statvfs_result((4096, 4096, 1000, 1000, 1000, 10, 10, 10, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: free)
    with pytest.raises(LocalRefused, match="has 3 MB left; at least 150 MB are needed"):
        Postgres(places).start()
    assert not places.postgres_data.exists()


def test_what_the_server_said_is_in_the_refusal(places: Places):
    with running(places):
        pass
    (places.postgres_data / "postgresql.conf").write_text("no_such_setting = 1\n")
    started = time.monotonic()
    with pytest.raises(LocalRefused, match='unrecognized configuration parameter "no_such_setting"'):
        Postgres(places).start()
    assert time.monotonic() - started < 10
