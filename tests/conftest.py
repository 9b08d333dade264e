from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from apps.audit.authority import Server
from governance.local.places import Places
from tests import database, migrated
from tests.database import FreshDatabase, TestServer
from tests.flows.fixtures import bank_database, bank_stack, fresh_bank, small_bank
from tests.stack import LiveStack, running

__all__ = ["bank_database", "bank_stack", "fresh_bank", "small_bank"]

_server = pytest.StashKey[TestServer]()
_lock = pytest.StashKey[int]()
_NEVER_HELD = 600.0  # seconds after which a folder that no run took hold of is swept away


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """One server a run. A parallel run's workers start after this and inherit its folder."""
    if _is_worker(config):
        return
    _hold_folder(config)
    if getattr(config.option, "numprocesses", None) and not config.option.collectonly:
        _ensure_server(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server in config.stash:
        server = config.stash[_server]
        whole = server.given is None and migrated.only_migrated()
        server.stop()
        if whole:
            migrated.keep()
    if _lock in config.stash:
        shutil.rmtree(configured.STATE, ignore_errors=True)
        os.close(config.stash[_lock])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker and (
            marker.kwargs.get("transaction") or "transactional_db" in getattr(item, "fixturenames", ())
        ):
            raise pytest.UsageError(
                f"{item.nodeid}: facts refuse to be flushed, so transaction=True cannot clean up; "
                "use the fixture `fresh_database`."
            )


def _ensure_server(config: pytest.Config) -> None:
    if _server not in config.stash:
        config.stash[_server] = server = TestServer()
        if server.given is None:
            migrated.fetch()
        server.start()


def _hold_folder(config: pytest.Config) -> None:
    """Hold this run's folder, and sweep away those of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("countersign-test-*"):
        if folder != configured.STATE and _is_ours(folder) and _abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)
    config.stash[_lock] = os.open(configured.STATE / "held", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(config.stash[_lock], fcntl.LOCK_EX)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.getuid()
    except FileNotFoundError:  # swept away by another run
        return False


def _abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "held", os.O_RDWR)
    except OSError:
        return folder.exists() and time.time() - folder.stat().st_mtime > _NEVER_HELD
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Before the test database is looked at: the server must be there, and a copy of the migrated one."""
    if not _is_worker(request.config):
        _ensure_server(request.config)
    database.use(role="owner")
    with django_db_blocker.unblock():
        migrated.lay(_copied())


@cache
def _copied() -> str:
    """The database of this process, by the name that Django looks for."""
    found = connection.settings_dict
    return str(found["TEST"]["NAME"] or f"test_{found['NAME']}")


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """The copy is used as it is, not made anew."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Migrations ran as the owner; every test runs as the service's role, so its rights are tried too."""
    with django_db_blocker.unblock():
        database.use(role="app")
    yield
    with django_db_blocker.unblock():
        database.use(name="postgres", role="owner")
        database.drop(_copied())


@pytest.fixture(scope="session", autouse=True)
def _time_stamps() -> Iterator[None]:
    """The test authority of the state folder, as `serve` starts it; one for each worker of a parallel run."""
    configured.TEST_AUTHORITY = Path(tempfile.mkdtemp(prefix="authority-", dir=configured.STATE))
    with Server(configured.TEST_AUTHORITY) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture
def as_role(db: None) -> Callable[[str], AbstractContextManager[None]]:
    """`with as_role("owner"):` steps out of the service's role, to tamper, in the same transaction."""
    return database.as_role


@pytest.fixture(scope="session")
def _template(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A migrated database of this process that nobody is connected to, for those who copy and name by it."""
    name = f"{_copied()}_template"
    with django_db_blocker.unblock():
        database.drop(name)
        database.clone(migrated.name(), name)
    yield name
    with django_db_blocker.unblock():
        database.drop(name)


@pytest.fixture
def fresh_database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[FreshDatabase]:
    """A migrated database of this test alone: commits are real, several connections may work in it."""
    former = connection.settings_dict["NAME"]
    name = f"test_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock():
        database.clone(migrated.name(), name)
        database.use(name=name)
        try:
            yield FreshDatabase(name)
        finally:
            database.use(name=former)
            database.drop(name)


@pytest.fixture
def live_stack(
    fresh_database: FreshDatabase, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveStack]:
    """The real processes over a database of their own: web, sequencer, relay, workers, broker.

    What the test itself does shares their state folder, and so their keys.
    """
    folder = Path(tempfile.mkdtemp(prefix="countersign-state-"))
    settings.STATE = folder
    settings.PLACES = Places(folder)
    settings.TEST_AUTHORITY = settings.PLACES.test_authority
    monkeypatch.setenv("COUNTERSIGN_STATE", str(folder))
    try:
        with running(folder, fresh_database.environment()) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)
