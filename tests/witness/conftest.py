from __future__ import annotations

from pathlib import Path

import pytest

from tests.witness.tree import KEY
from witness.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """The folder of a witness that knows one log."""
    made = Folder.init(tmp_path / "witness", "witness.example/w1")
    made.trust(KEY)
    return made
