"""A GPU, or the reason why there is none."""

from __future__ import annotations

import pytest

from apps.engine.device import Arrays, _gpu


@pytest.fixture(scope="session")
def gpu() -> Arrays:
    found = _gpu()
    if isinstance(found, str):
        pytest.skip(f"no GPU: {found}")
    return found
