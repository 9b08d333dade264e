"""Every number beside an independent one, on plain and on adversarial worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.laws.known import KNOWN
from tests.engine.laws.specimens import CHECKS, World, model_file, people
from tests.engine.oracles.all import ORACLES, Case, Oracle, cases, difference


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """The worlds in which numbers are compared."""
    folder: Path = tmp_path_factory.mktemp("oracles")
    return cases(World(people(later=True), people(300, 5), model_file(folder)))


@pytest.mark.parametrize("one", ORACLES, ids=[f"{o.check}: {o.by[:40]}" for o in ORACLES])
def test_the_same_number_as_an_independent_one(
    one: Oracle, compared: list[Case], request: pytest.FixtureRequest
) -> None:
    if (one.check, "oracle") in KNOWN:
        request.applymarker(pytest.mark.xfail(reason=KNOWN[one.check, "oracle"], strict=True))
    numbers = 0
    for case in compared if one.every else compared[:1]:
        for ours, theirs in one.found(case):
            assert difference(ours, theirs) <= one.within, f"{case.name}: {ours} against {theirs}"
            numbers += 1
    assert numbers, "nothing was compared"


def test_every_check_of_the_catalogue_has_one() -> None:
    assert set(CHECKS) - {one.check for one in ORACLES} == set()
