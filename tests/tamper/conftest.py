from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.audit.ruled import Log
from tests.database import FreshDatabase


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own keys and its own file of checkpoints."""
    monkeypatch.setattr(settings, "STATE", tmp_path)
    return tmp_path


@pytest.fixture
def log(fresh_database: FreshDatabase) -> Log:
    """A log of twelve events whose database a superuser of the test may attack."""
    return Log(connection.settings_dict)
