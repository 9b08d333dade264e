from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.local.places import Places


@pytest.fixture
def places() -> Iterator[Places]:
    """A state folder that the servers' own account may reach; pytest's folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-state-"))
    yield Places(folder)
    shutil.rmtree(folder)
