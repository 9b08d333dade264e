from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.notices.receiver import Running, receiving


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Running]:
    """An endpoint on loopback that the settings allow to be told."""
    with receiving() as found:
        settings.WEBHOOK_HOSTS = [found.allowed]
        yield found
