"""What a draft would change: each model's latest evidence decided again, once as now and once with the draft.

Nothing is measured and nothing is written. A gate whose question was never measured of a model cannot be
replayed; it is named with the reason, and counts as missing, as it would on the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from apps.engine.decide import Decision, MeasuredGate, SubjectFacts, decide, gates_for
from apps.engine.policy.judge import judge
from apps.engine.policy.model import Effective, Gate, Policy
from apps.engine.policy.unite import select

_FIRST_DAY = date.min
_EVERY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model version for one use, with what was last measured of it.

    Parameters
    ----------
    subject : SubjectFacts
        Digests and the facts that policies match on, as they are today.
    measured : mapping of question to MeasuredGate
        By `asked_of` of the gate that it was measured for.
    """

    use: str
    subject: SubjectFacts
    measured: Mapping[str, MeasuredGate]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChange:
    """One gate that comes out otherwise; None where it is not asked."""

    id: str
    before: str | None
    after: str | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"id": self.id, "before": self.before, "after": self.after, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the draft does to one model version and use."""

    model: str
    version: str
    use: str
    before: str
    after: str
    gates: tuple[GateChange, ...]
    unmeasured: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> bool:
        """Whether the decision as a whole comes out otherwise."""
        return self.before != self.after

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "model": self.model,
            "version": self.version,
            "use": self.use,
            "before": self.before,
            "after": self.after,
            "gates": [gate.as_json() for gate in self.gates],
            "cannot_replay": [{"gate": gate, "reason": reason} for gate, reason in self.unmeasured],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What the draft does to all models given.

    Parameters
    ----------
    effects : sequence of Effect
        Those in the draft's scope, or in that of the version it replaces: changed decisions first.
    outside : int
        How many neither speaks of.
    """

    policy: Mapping[str, str]
    replaces: Mapping[str, str] | None
    as_of: datetime
    effects: Sequence[Effect]
    outside: int
    moves: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> list[Effect]:
        """Those whose decision changes."""
        return [effect for effect in self.effects if effect.changes]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; models whose gates all come out as before are counted, not listed."""
        told = [e for e in self.effects if e.changes or e.gates or e.unmeasured]
        return {
            "kind": "PolicyImpact",
            "policy": dict(self.policy),
            "replaces": None if self.replaces is None else dict(self.replaces),
            "as_of": self.as_of.isoformat(),
            "in_scope": len(self.effects),
            "outside": self.outside,
            "changed": len(self.changed),
            "cannot_replay": sum(bool(effect.unmeasured) for effect in self.effects),
            "moves": dict(self.moves),
            "models": [effect.as_json() for effect in told],
        }


Progress = Callable[[int], None]


def asked_of(gate: Gate) -> str:
    """The question of a gate as text: measurements are found by it, whatever the gate is called."""
    held = _asked.get(id(gate))
    if held is None or held[0] is not gate:
        if len(_asked) >= _MOST:
            _asked.clear()
        held = _asked[id(gate)] = (gate, _question(gate))
    return held[1]


# Gates are frozen, so a question once read stays so; they are held to keep their identity.
_asked: dict[int, tuple[Gate, str]] = {}
_MOST = 4096


def _question(gate: Gate) -> str:
    return repr((gate.check, gate.question()[1], gate.dataset, gate.reference))


def impact(
    standings: Iterable[Standing],
    *,
    released: Sequence[Policy],
    draft: Policy,
    now: datetime,
    progress: Progress | None = None,
) -> Impact:
    """Decide every model's latest evidence as now, and as if the draft were in force.

    Parameters
    ----------
    standings : iterable of Standing
        The models to ask about, each as it stands.
    released : sequence of Policy
        All released policies; those of the draft's id give way to it.
    now : datetime
        With a time zone. The draft is taken to be in force then, whatever its first day.
    progress : callable, optional
        Called with the number of models done, now and then.
    """
    steps = replaying(standings, released=released, draft=draft, now=now)
    while True:
        try:
            done = next(steps)
        except StopIteration as end:
            found: Impact = end.value
            return found
        if progress:
            progress(done)


def replaying(
    standings: Iterable[Standing], *, released: Sequence[Policy], draft: Policy, now: datetime
) -> Generator[int, None, Impact]:
    """The same, step by step: gives the number of models done now and then, and ends with the impact."""
    rest = [policy for policy in released if policy.id != draft.id]
    trial = replace(draft, effective=Effective(start=_FIRST_DAY))
    effects, outside = [], 0
    for done, standing in enumerate(standings, start=1):
        facts = standing.subject.facts
        old = select(released, facts=facts, now=now)
        new = select([*rest, trial], facts=facts, now=now)
        if all(policy.id != draft.id for policy in (*old, *new)):
            outside += 1
        else:
            effects.append(_effect(standing, old, new, now))
        if done % _EVERY == 0:
            yield done
    moves = Counter(f"{effect.before} → {effect.after}" for effect in effects)
    effects.sort(key=lambda e: (not e.changes, e.model, e.version, e.use))
    before = select([p for p in released if p.id == draft.id], facts={}, now=now)
    return Impact(
        policy=draft.named(),
        replaces=before[0].named() if before else None,
        as_of=now,
        effects=effects,
        outside=outside,
        moves=dict(sorted(moves.items())),
    )


def _effect(standing: Standing, old: Sequence[Policy], new: Sequence[Policy], now: datetime) -> Effect:
    before, after = (decided(standing, policies, now, words=False) for policies in (old, new))
    return Effect(
        model=standing.subject.model,
        version=standing.subject.version,
        use=standing.use,
        before=before.outcome,
        after=after.outcome,
        gates=tuple(_gate_changes(before, after, standing.subject)),
        unmeasured=tuple(
            (result.id, f"{result.gate.title} was never measured like this; it needs a new run.")
            for result in after.gates
            if result.outcome == "missing" and result.measured is None
        ),
    )


def decided(standing: Standing, policies: Sequence[Policy], now: datetime, *, words: bool = True) -> Decision:
    """What these policies say of what was last measured."""
    found = {gate.id: standing.measured.get(asked_of(gate)) for gate in gates_for(policies)}
    held = {name: measured for name, measured in found.items() if measured is not None}
    return decide(policies=policies, measurements=held, now=now, subject=standing.subject, words=words)


def _gate_changes(before: Decision, after: Decision, subject: SubjectFacts) -> Iterable[GateChange]:
    was = {result.id: result for result in before.gates}
    will = {result.id: result for result in after.gates}
    for name in dict.fromkeys((*will, *was)):
        old, new = was.get(name), will.get(name)
        outcomes = old.outcome if old else None, new.outcome if new else None
        if outcomes[0] != outcomes[1]:
            if new is None:
                why = f"{was[name].gate.title}: no longer asked."
            else:
                why = judge(new.gate, new.measured, subject=subject, now=after.decided_at).why
            yield GateChange(id=name, before=outcomes[0], after=outcomes[1], why=why)
