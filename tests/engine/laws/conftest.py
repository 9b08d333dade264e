from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.laws.known import KNOWN
from tests.engine.laws.specimens import World, model_file, people


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """240 applicants, 300 of the year's first half to compare with, and a model."""
    folder: Path = tmp_path_factory.mktemp("world")
    return World(people(later=True), people(300, 5), model_file(folder))


@pytest.fixture
def known(request: pytest.FixtureRequest):
    """Mark a case that is known to fail, strictly."""

    def mark(check_id: str, case: str) -> None:
        if (check_id, case) in KNOWN:
            request.applymarker(pytest.mark.xfail(reason=KNOWN[check_id, case], strict=True))

    return mark
