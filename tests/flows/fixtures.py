"""A small bank, built once a process in a database of its own: policies released, one version decided.

Each test finds it as it was built; what the test does is undone. Its keys and files lie in one folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from governance.local.places import Places
from tests import database
from tests.database import FreshDatabase
from tests.stack import LiveStack, running


@dataclass(frozen=True, slots=True)
class BankDatabase:
    """The database in which the bank stands, and the folder of its keys and files."""

    name: str
    folder: Path


@contextmanager
def state_in(folder: Path) -> Iterator[None]:
    former = settings.STATE
    settings.STATE = folder
    try:
        yield
    finally:
        settings.STATE = former


@contextmanager
def digests_in(folder: Path) -> Iterator[None]:
    """What is committed to a copy of the bank is written down apart from what others commit to theirs."""
    settings.EVENT_DIGESTS = folder / "event-digests.jsonl"
    try:
        yield
    finally:
        settings.EVENT_DIGESTS = None


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    former = connection.settings_dict["NAME"]
    database.use(name=name)
    try:
        yield
    finally:
        database.use(name=former)


@pytest.fixture(scope="session")
def bank_database(
    _template: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BankDatabase]:
    from tests.flows import bank

    found = BankDatabase(f"{_template}_bank", tmp_path_factory.mktemp("bank"))
    with django_db_blocker.unblock():
        database.drop(found.name)
        database.clone(_template, found.name)
        with connected_to(found.name), state_in(found.folder):
            bank.policies()
            bank.production()
            bank.decided(bank.version())
            bank.decided(bank.unfair())
    yield found
    with django_db_blocker.unblock():
        database.drop(found.name)


@contextmanager
def on_stage(place: BankDatabase, blocker: DjangoDbBlocker) -> Iterator[None]:
    """The bank, in a transaction that is undone."""
    kept = keys_kept(place.folder)
    with blocker.unblock(), connected_to(place.name), state_in(place.folder), kept, transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def keys_kept(state: Path) -> Iterator[None]:
    """Key files as they were before, whatever is rotated: no transaction undoes those."""
    with folder_kept(state / "keys"):
        yield


@contextmanager
def folder_kept(folder: Path) -> Iterator[None]:
    """A folder's files as they were before."""
    kept = Path(tempfile.mkdtemp(prefix="countersign-kept-"))
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    try:
        yield
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        shutil.rmtree(kept)


@pytest.fixture
def small_bank(bank_database: BankDatabase, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The bank for one test."""
    with on_stage(bank_database, django_db_blocker):
        yield


@pytest.fixture
def fresh_bank(
    bank_database: BankDatabase, django_db_blocker: DjangoDbBlocker, tmp_path: Path
) -> Iterator[FreshDatabase]:
    """A copy of the bank of this test alone: commits are real, several connections may work in it."""
    name = f"{bank_database.name}_copy"
    with django_db_blocker.unblock():
        database.drop(name)
        database.clone(bank_database.name, name)
        try:
            place = bank_database.folder
            with connected_to(name), state_in(place), digests_in(tmp_path), keys_kept(place):
                yield FreshDatabase(name)
        finally:
            database.drop(name)


@pytest.fixture(scope="module")
def bank_stack(bank_database: BankDatabase, django_db_blocker: DjangoDbBlocker) -> Iterator[LiveStack]:
    """The real processes over a copy of the bank, shared by the tests of one file."""
    name, folder = f"{bank_database.name}_live", Path(tempfile.mkdtemp(prefix="countersign-state-"))
    shutil.copytree(bank_database.folder, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(settings, "STATE", folder)
        patch.setattr(settings, "PLACES", Places(folder))
        patch.setattr(settings, "TEST_AUTHORITY", Places(folder).test_authority)
        patch.setenv("COUNTERSIGN_STATE", str(folder))
        patch.setenv("COUNTERSIGN_RUN_LEASE_SECONDS", "2")
        database.drop(name)
        database.clone(bank_database.name, name)
        try:
            with connected_to(name), running(folder, FreshDatabase(name).environment()) as stack:
                yield stack
        finally:
            database.drop(name)
            shutil.rmtree(folder, ignore_errors=True)
