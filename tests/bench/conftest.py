from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import generated
from tests.bench.measuring import job
from tests.bench.table import Table

Maker = Callable[..., str]


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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Make the data of a goal once a run: `made("people", 1_000_000)` gives its path."""
    folder, known = tmp_path_factory.mktemp("scenes"), dict[tuple[Any, ...], str]()

    def find(kind: str, *sizes: int) -> str:
        if (kind, *sizes) not in known:
            # Training in turns with the rest of a busy machine: threads that wait give way.
            env = os.environ | {"OMP_WAIT_POLICY": "passive"}
            ran = job("scenes_write", kind, folder, *sizes, env=env)
            known[(kind, *sizes)] = ran.said["path"]
        return known[(kind, *sizes)]

    return find


@pytest.fixture(scope="session")
def machine() -> dict[str, float]:
    """What this machine can do at most, measured in this run."""
    return job("limits", 512).said
