"""Intervals hold their own value, lie in the stated range, and grow with the confidence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest

from apps.engine.values import Measured
from tests.engine.laws.specimens import CHECKS, TIMED, World, people

SURE = [c for c, check in CHECKS.items() if "confidence" in {arg.name for arg in check.args}]
UNTIMED = [c for c in CHECKS if c not in TIMED]
# A ratio to the sample's highest group is at most 1; to that same group among all people it may be more.
FOLDED = {
    "fairness.equalized_odds_ratio", "fairness.error_rate_ratio", "fairness.ll144_scoring",
    "fairness.ll144_selection", "fairness.predictive_parity_ratio",
}  # fmt: skip
AT_CONFIDENCE = {"calibration.low_default_pd", "calibration.reliability_curve"}
ROUNDING = 1e-12


def ends(found: Measured) -> tuple[float, float] | None:
    """The interval with infinities for open ends."""
    if found.interval is None:
        return None
    low, high = found.interval
    return -math.inf if low is None else low, math.inf if high is None else high


def ranges(text: str) -> tuple[float, float] | None:
    """The first range that the catalogue's text names, as numbers."""
    found = re.match(
        r"[\[({]\s*(-?inf|-?[\d.]+)\s*,\s*(?:.*,\s*)?(-?inf|-?[\d.]+)\s*[\])}]", text.replace("−", "-")
    )
    return None if found is None else (float(found[1]), float(found[2]))


@pytest.fixture(scope="module")
def worlds(world: World) -> list[World]:
    """The plain world, one with scores far apart, and a small one."""
    apart = [{**people(seed=4, later=True)}, people(60, 7, later=True)]
    apart[0]["score"] = [0.01 if y == 0 else 0.99 for y in apart[0]["label"]]
    return [world, *(world.but(table=table) for table in apart)]


@pytest.mark.parametrize("check_id", SURE)
def test_an_interval_holds_its_own_value(check_id: str, worlds: list[World], known: Callable) -> None:
    known(check_id, "holds its value")
    for world in worlds:
        found = world.measured(check_id)
        around = ends(found)
        if around is not None and found.value is not None:
            assert around[0] <= found.value + ROUNDING
            assert found.value <= around[1] + ROUNDING


@pytest.mark.parametrize("check_id", UNTIMED)
def test_value_and_interval_lie_in_the_stated_range(
    check_id: str, worlds: list[World], known: Callable
) -> None:
    known(check_id, "range")
    stated = ranges(CHECKS[check_id].range)
    if stated is None:
        pytest.skip(f"the range is in words: {CHECKS[check_id].range}")
    for world in worlds:
        found = world.measured(check_id)
        around = () if check_id in FOLDED else found.interval or ()
        numbers = [v for v in (found.value, *around) if v is not None]
        assert all(stated[0] - ROUNDING <= v <= stated[1] + ROUNDING for v in numbers), numbers


@pytest.mark.parametrize("check_id", SURE)
def test_more_confidence_is_never_a_shorter_interval(check_id: str, world: World, known: Callable) -> None:
    known(check_id, "grows")
    less, more = (ends(world.measured(check_id, confidence=c)) for c in (0.8, 0.99))
    if less is None or more is None:
        assert less == more
        return
    assert more[0] <= less[0] + ROUNDING
    assert more[1] >= less[1] - ROUNDING


@pytest.mark.parametrize("check_id", sorted(set(SURE) - AT_CONFIDENCE))
def test_the_value_does_not_depend_on_the_confidence(check_id: str, world: World) -> None:
    first, second = (world.measured(check_id, confidence=c) for c in (0.8, 0.99))
    assert (first.value, first.n, first.status) == (second.value, second.n, second.status)
