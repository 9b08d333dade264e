"""Several policies at once: which apply, and their gates united with the strictest winning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from apps.engine.policy import vocabulary as words
from apps.engine.policy.model import Bound, Gate, Policy

_T = TypeVar("_T")
HOLDOUT = "holdout"


def select(
    policies: Iterable[Policy], *, facts: Mapping[str, Any], now: datetime, environment: str | None = None
) -> list[Policy]:
    """The policies in force at `now` that speak of a model with these facts.

    Parameters
    ----------
    policies : iterable of Policy
        Released policies. Of several in force with one id, the newest version speaks.
    facts : mapping
        ``{"model.tier": 1, "model.jurisdictions": ["US"], …}``; see `apps.engine.policy.vocabulary.FIELDS`.
    environment : str or None
        None: whatever the environment.
    """
    newest: dict[str, Policy] = {}
    for policy in policies:
        held = newest.get(policy.id)
        if policy.effective.covers(now) and (held is None or _number(policy) > _number(held)):
            newest[policy.id] = policy
    return [newest[key] for key in sorted(newest) if newest[key].applies_to.covers(facts, environment)]


def _number(policy: Policy) -> tuple[int, ...]:
    return tuple(int(part) for part in policy.version.split("."))


def monitoring(policy: Policy, dataset: str) -> Policy:
    """The policy with a data set in the holdout's place; empty: as it stands. It stays the one released."""
    if not dataset:
        return policy
    moved = (replace(g, dataset=dataset) if g.dataset == HOLDOUT else g for g in policy.gates)
    return replace(policy, gates=tuple(moved))


def gates_for(policies: Sequence[Policy]) -> list[Gate]:
    """The gates of all policies, united; the strictest of each wins.

    Gates with one id that ask different questions (another check, argument or data set) are all kept,
    each named ``id@policy``.

    Returns
    -------
    list of Gate
        In the order of the policies' ids, then as each policy lists them.
    """
    key = tuple(map(id, policies))
    held = _united.get(key)
    if held is None:
        if len(_united) >= _MOST:
            _united.clear()
        held = _united[key] = (tuple(policies), _unite(policies))
    return list(held[1])


# Policies are frozen, so what was united once stays so; they are held to keep their identity.
_united: dict[tuple[int, ...], tuple[tuple[Policy, ...], list[Gate]]] = {}
_MOST = 64


def _unite(policies: Sequence[Policy]) -> list[Gate]:
    asked: dict[str, dict[Any, list[Gate]]] = {}
    for policy in sorted(policies, key=lambda p: (p.id, _number(p))):
        for gate in policy.gates:
            asked.setdefault(gate.id, {}).setdefault(gate.question(), []).append(gate)
    united: list[Gate] = []
    for questions in asked.values():
        gates = [_strictest(same) for same in questions.values()]
        if len(gates) > 1:
            gates = [replace(gate, id=f"{gate.id}@{'+'.join(gate.policies)}") for gate in gates]
        united += gates
    return united


def _strictest(gates: Sequence[Gate]) -> Gate:
    first = gates[0]
    if len(gates) == 1:
        return first
    bound = _tightest([gate.bound for gate in gates]) or Bound()
    ages = [gate.max_age for gate in gates if gate.max_age is not None]
    winners = [gate for gate in gates if gate.bound == bound] or gates
    return replace(
        winners[0],
        bound=bound,
        warn=_tightest([gate.warn for gate in gates if gate.warn is not None]),
        basis=_highest(gates, lambda gate: gate.basis, words.BASES),
        enforcement=_highest(gates, lambda gate: gate.enforcement, words.ENFORCEMENTS),
        severity=_highest(gates, lambda gate: gate.severity, words.SEVERITIES),
        source=_highest(winners, lambda gate: gate.source, words.SOURCES),
        max_age=_least(ages),
        accept=_highest(gates, lambda gate: gate.accept, words.ACCEPTS),
        on_review=_highest(gates, lambda gate: gate.on_review, words.ON_REVIEW),
        hardware=_highest(gates, lambda gate: gate.hardware, words.HARDWARE),
        on_missing=_highest(gates, lambda gate: gate.on_missing, words.ON_MISSING),
        controls=tuple(dict.fromkeys(control for gate in gates for control in gate.controls)),
        policies=tuple(dict.fromkeys(name for gate in gates for name in gate.policies)),
    )


def _least(ages: Sequence[timedelta]) -> timedelta | None:
    return min(ages) if ages else None


def _highest(gates: Sequence[Gate], of: Callable[[Gate], _T], ranks: Sequence[_T]) -> _T:
    return ranks[max(ranks.index(of(gate)) for gate in gates)]


def _tightest(bounds: Sequence[Bound]) -> Bound | None:
    lows: list[Decimal] = [bound.min for bound in bounds if bound.min is not None]
    highs: list[Decimal] = [bound.max for bound in bounds if bound.max is not None]
    if not bounds:
        return None
    return Bound(min=max(lows) if lows else None, max=min(highs) if highs else None)
