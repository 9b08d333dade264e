from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outside.scorer import Running, running


@pytest.fixture
def scorer() -> Iterator[Running]:
    """A scoring service on loopback."""
    with running() as found:
        yield found
