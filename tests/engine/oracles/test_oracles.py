"""Every number beside an independent one, on plain and on adversarial worlds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.laws.conftest import known
from tests.engine.laws.specimens import CHECKS, World, model_file, people
from tests.engine.oracles.all import ORACLES, Case, Oracle, cases, difference
from tests.engine.oracles.table import PAGE, printed_rows
from tests.engine.published.printed import PRINTED

__all__ = ["known"]


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """The worlds in which numbers are compared."""
    folder: Path = tmp_path_factory.mktemp("oracles")
    return cases(World(people(later=True), people(300, 5), model_file(folder)))


NAMES = [f"{one.check}: {one.by[:40]}" for one in ORACLES]
PLAIN = 3  # two random worlds and one of ties; the others are among the slow tests
RUN = "explainability.", "robustness."


def compare(one: Oracle, worlds: list[Case]) -> None:
    """Hold every pair to its bound."""
    numbers = 0
    for case in worlds:
        for ours, theirs in one.found(case):
            assert difference(ours, theirs) <= one.within, f"{case.name}: {ours} against {theirs}"
            numbers += 1
    assert numbers, "nothing was compared"


@pytest.mark.parametrize("one", ORACLES, ids=NAMES)
def test_the_same_number_as_an_independent_one(one: Oracle, compared: list[Case], known: Callable) -> None:
    known(one.check, "oracle")
    compare(one, compared[: PLAIN if one.every and not one.check.startswith(RUN) else 1])


@pytest.mark.slow
@pytest.mark.parametrize("one", [o for o in ORACLES if o.every], ids=lambda o: f"{o.check}: {o.by[:40]}")
def test_on_adversarial_worlds_too(one: Oracle, compared: list[Case], known: Callable) -> None:
    known(one.check, "oracle")
    compare(one, compared)


def test_every_check_of_the_catalogue_has_one() -> None:
    assert set(CHECKS) - {one.check for one in ORACLES} == set()


def test_every_check_and_every_implementation_is_on_the_page() -> None:
    page = PAGE.read_text()
    assert [check_id for check_id in CHECKS if f"| `{check_id}` |" not in page] == []
    assert [one.by for one in ORACLES if f"| `{one.check}` | {one.by} |" not in page] == []


def test_every_published_table_is_on_the_page() -> None:
    list(printed_rows())
    page = PAGE.read_text()
    assert PRINTED
    assert [one.source for one in PRINTED if f"| {one.source} | {one.what} |" not in page] == []
    assert [one.source for one in PRINTED if f"| {one.checked} |" not in page] == []
    assert {check for one in PRINTED for check in one.checks} <= set(CHECKS)
