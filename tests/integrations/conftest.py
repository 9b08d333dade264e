from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.site import Elsewhere
from tests.standing import standing_bank, world

__all__ = ["standing_bank", "world"]


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """The other side of an integration, on the loopback."""
    with Elsewhere.running() as found:
        yield found
