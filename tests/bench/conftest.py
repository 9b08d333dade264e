from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import generated
from tests.bench.table import Table


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """Where measurements go; printed when the run ends, and kept for docs/performance.md."""
    found = Table()
    yield found
    if found.lines:
        sys.stdout.write(f"\n\n{found.markdown()}\n")


@pytest.fixture(scope="session")
def credit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of 200 trees and 100,000 rows of 20 features, twice."""
    folder = tmp_path_factory.mktemp("credit")
    generated.credit(folder)
    return folder
