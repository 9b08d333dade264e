"""What serves each control of a framework, and which models it holds for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.engine.decide import Decision
from apps.engine.policy.model import Policy
from apps.engine.policy.regulation import Control

HELD = ("pass", "warn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One thing that serves a control: a gate, a document, or a policy as a whole."""

    policy: str
    kind: str
    id: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """One control: what serves it, and the models by how far its gates hold for them.

    Parameters
    ----------
    covered, partly, uncovered : tuple of str
        Models for which all, some or none of the gates asked of them hold. A model that no gate asks is in
        none of them.
    """

    control: Control
    served: tuple[Served, ...]
    covered: tuple[str, ...]
    partly: tuple[str, ...]
    uncovered: tuple[str, ...]

    @property
    def measured(self) -> bool:
        """Whether a gate serves it; documents and whole policies are said, not counted."""
        return any(one.kind == "gate" for one in self.served)


def coverage(
    controls: Sequence[Control], policies: Iterable[Policy], decisions: Mapping[str, Decision]
) -> list[Coverage]:
    """Each control with what serves it.

    Parameters
    ----------
    policies : iterable of Policy
        The newest released version of each.
    decisions : mapping of str to Decision
        By model: its latest evidence, decided under the policies that apply to it now.
    """
    known = list(policies)
    return [_one(control, known, decisions) for control in controls]


def _one(control: Control, policies: Sequence[Policy], decisions: Mapping[str, Decision]) -> Coverage:
    name = f"{control.framework}/{control.id}"
    held: dict[str, list[str]] = {"covered": [], "partly": [], "uncovered": []}
    for model, decision in decisions.items():
        asked = [g for g in decision.gates if name in g.gate.controls and g.outcome != "not_applicable"]
        if asked:
            passing = sum(gate.outcome in HELD for gate in asked)
            kind = "covered" if passing == len(asked) else "partly" if passing else "uncovered"
            held[kind].append(model)
    found = {kind: tuple(models) for kind, models in held.items()}
    return Coverage(control=control, served=tuple(serving(name, policies)), **found)


def serving(name: str, policies: Sequence[Policy]) -> Iterable[Served]:
    """What of the policies serves the control of that name, ``framework/id``."""
    for policy in policies:
        if name in policy.controls:
            yield Served(policy=policy.id, kind="policy", id=policy.id, title=policy.title)
        for gate in policy.gates:
            if name in gate.controls:
                yield Served(policy=policy.id, kind="gate", id=gate.id, title=gate.title)
        for rule in policy.evidence:
            if name in rule.controls:
                yield Served(policy=policy.id, kind="document", id=rule.id, title=rule.title)
