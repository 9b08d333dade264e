from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from governance.env import EnvironmentRefused
from governance.secret import kept_secret


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path):
    first = kept_secret(tmp_path / "new" / "secret-key")
    assert len(first) > 60
    assert kept_secret(tmp_path / "new" / "secret-key") == first
    assert stat.S_IMODE((tmp_path / "new" / "secret-key").stat().st_mode) == 0o600


def test_starters_at_the_same_time_agree(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(kept_secret, [tmp_path / "secret-key"] * 32))
    assert len(found) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["secret-key"]


def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentRefused, match="Set COUNTERSIGN_SECRET_KEY"):
        kept_secret(tmp_path / "file" / "secret-key")
