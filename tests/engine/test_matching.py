from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.matching import shortage

STEPS = ("validation", "risk", "committee")
_people = st.sets(st.sampled_from(["ann", "bob", "cleo", "dan", "eve"]))
_wanted = st.dictionaries(st.sampled_from(STEPS), st.integers(1, 3))
_eligible = st.fixed_dictionaries(dict.fromkeys(STEPS, _people))


def seatings(wanted: Mapping[str, int], eligible: Mapping[str, set[str]]) -> Iterator[dict[str, set[str]]]:
    """Every way to fill every step with different people, tried out."""

    def fill(steps: tuple[str, ...], used: frozenset[str]) -> Iterator[dict[str, set[str]]]:
        if not steps:
            yield {}
            return
        first, *rest = steps
        for chosen in combinations(sorted(eligible[first] - used), wanted[first]):
            for others in fill(tuple(rest), used | set(chosen)):
                yield {first: set(chosen), **others}

    return fill(tuple(wanted), frozenset())


@given(_wanted, _eligible)
@settings(max_examples=400, deadline=None)
def test_it_is_short_exactly_where_no_seating_exists(
    wanted: dict[str, int], eligible: dict[str, set[str]]
) -> None:
    possible = next(seatings(wanted, eligible), None) is not None
    assert (shortage(wanted, eligible) is None) == possible


@given(_wanted, _eligible)
@settings(max_examples=200, deadline=None)
def test_the_steps_that_it_names_want_more_people_than_there_are(
    wanted: dict[str, int], eligible: dict[str, set[str]]
) -> None:
    found = shortage(wanted, eligible)
    if found is not None:
        people = set().union(*(eligible[step] for step in found.steps))
        assert found.people == tuple(sorted(people))
        assert found.wanted == sum(wanted[step] for step in found.steps) > len(people)


def test_a_greedy_choice_is_put_right() -> None:
    """Ann alone may sign the last step, so the first must take somebody else, though ann comes first."""
    eligible = {"a": ["ann", "bob"], "b": ["bob", "cleo"], "c": ["cleo", "ann"], "d": ["ann"]}
    assert shortage({"a": 1, "b": 1, "d": 1}, eligible) is None
    found = shortage({"a": 1, "b": 1, "c": 1, "d": 1}, eligible)
    assert found is not None
    assert found.steps == ("a", "b", "c", "d")


def test_nothing_asked_is_never_short() -> None:
    assert shortage({}, {}) is None


def test_a_step_that_nobody_may_sign_is_named() -> None:
    found = shortage({"risk": 1}, {})
    assert found is not None
    assert (found.steps, found.people) == (("risk",), ())
