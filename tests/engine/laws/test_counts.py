"""Rows by their multiplicity are the rows, for every check that takes counts; so are whole weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.laws.specimens import CHECKS, Table, World, as_bytes, needs, people

COUNTING = [check_id for check_id in CHECKS if "count" in needs(check_id)]
BOTH = [check_id for check_id in CHECKS if "reference_count" in needs(check_id)]
# Values made of intervals or errors, which weights widen and repeated rows narrow.
JUDGED = {"calibration.reliability_curve", "calibration.spiegelhalter"}
WEIGHTED = [check_id for check_id in CHECKS if "weight" in needs(check_id)]


def repeated(table: Table, times: list[int], seed: int = 4) -> Table:
    """Each row so many times, shuffled."""
    rows = np.repeat(np.arange(len(times)), times)
    rows = np.random.default_rng(seed).permutation(rows)
    return {name: [values[i] for i in rows] for name, values in table.items()}


def times_of(n: int, seed: int = 2) -> list[int]:
    """How often each row occurs: small and a few large."""
    source = np.random.default_rng(seed)
    return np.where(source.random(n) < 0.05, 40, source.integers(1, 5, n)).tolist()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("check_id", COUNTING)
def test_distinct_rows_with_counts_are_the_rows(
    check_id: str, seed: int, world: World, known: Callable
) -> None:
    known(check_id, "counts")
    table = people(150, seed, later=True)
    times = times_of(150, seed)
    rows = world.but(table=repeated(table, times))
    wanted = as_bytes(rows.measured(check_id, **({"count": None})))
    found = world.but(table=table).measured(check_id, count=np.array(times, dtype=np.int64))
    assert as_bytes(found) == wanted


@pytest.mark.parametrize("check_id", COUNTING)
def test_counts_of_one_are_no_counts(check_id: str, world: World) -> None:
    ones = np.ones(len(world.table["score"]), dtype=np.int64)
    assert as_bytes(world.measured(check_id, count=ones)) == as_bytes(world.measured(check_id))


@pytest.mark.parametrize("check_id", BOTH)
def test_the_reference_may_be_counted_too(check_id: str, world: World, known: Callable) -> None:
    known(check_id, "counts")
    table = people(150, 6)
    times = times_of(150)
    wanted = world.but(reference=repeated(table, times)).measured(check_id)
    found = world.but(reference=table).measured(check_id, reference_count=np.array(times, dtype=np.int64))
    assert as_bytes(found) == as_bytes(wanted)


@pytest.mark.parametrize("check_id", sorted(set(COUNTING) & set(WEIGHTED)))
def test_counts_and_weights_together(check_id: str, world: World, known: Callable) -> None:
    """A weight is a row's own; a count says how many such rows there are."""
    known(check_id, "counts and weights")
    table = people(120, 8, later=True)
    times = times_of(120)
    weights = np.random.default_rng(5).choice([0.5, 1.0, 2.0], 120)
    spread = repeated({**table, "w": weights.tolist()}, times)
    wanted = world.but(table=spread, weight=spread["w"]).measured(check_id)
    found = world.but(table=table, weight=weights.tolist()).measured(
        check_id, count=np.array(times, dtype=np.int64)
    )
    assert as_bytes(found) == as_bytes(wanted)


@pytest.mark.parametrize("check_id", sorted(set(WEIGHTED) - JUDGED))
def test_whole_weights_give_the_value_of_repeated_rows(check_id: str, world: World, known: Callable) -> None:
    known(check_id, "whole weights")
    table = people(200, 8, later=True)
    times = np.random.default_rng(6).integers(1, 4, 200).tolist()
    found = world.but(table=table, weight=[float(t) for t in times]).measured(check_id)
    if found.status != "measured":
        assert "weight" in " ".join(found.notes), "no number from weights, and no word of them"
        return
    wanted = world.but(table=repeated(table, times)).measured(check_id)
    assert found.value == pytest.approx(wanted.value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("check_id", WEIGHTED)
@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_weights_make_no_number(check_id: str, bad: float, world: World) -> None:
    weight = [bad, *[1.0] * (len(world.table["score"]) - 1)]
    found = world.but(weight=weight).measured(check_id)
    assert found.status == "undefined"
    assert "weight" in found.notes[0]


@pytest.mark.parametrize("check_id", WEIGHTED)
def test_no_weight_at_all_makes_no_number(check_id: str, world: World) -> None:
    found = world.but(weight=[0.0] * len(world.table["score"])).measured(check_id)
    assert found.status != "measured"
    assert "weight" in found.notes[0].lower()
