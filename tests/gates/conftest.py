from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.gates import hints
from tests.gates.broker import Broker


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test has its own keys and files."""
    monkeypatch.setattr(settings, "STATE", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(hints, "current_app", found)
    return found
