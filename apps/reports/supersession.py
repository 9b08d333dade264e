"""A policy that took another's place: which policies, models, reports and waivers still name the old one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.approvals.models import Waiver
from apps.engine import strict_yaml
from apps.engine.policy import select
from apps.engine.policy.supersede import naming
from apps.gates.coverage import frameworks
from apps.gates.models import Decision, PolicyProposal, PolicyRelease
from apps.gates.queries import policy_of
from apps.gates.states import Purpose
from apps.inventory.models import RegimeDecision, RegisteredModel
from apps.reports.models import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class StillNamed:
    """What names a superseded policy: each thing with its name, where it stands, and how it names it."""

    old: str
    policies: tuple[tuple[str, str, str], ...]
    models: tuple[tuple[str, str, str], ...]
    reports: tuple[tuple[str, str, str], ...]
    waivers: tuple[tuple[str, str, str], ...]

    @property
    def lists(self) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
        """Each kind of thing in the plural, with what there is of it."""
        words = ("policies", "models", "reports", "waivers")
        return tuple(zip(words, (self.policies, self.models, self.reports, self.waivers), strict=True))

    def sentence(self) -> str:
        """How many of each."""
        counts = [_counted(word, len(found)) for word, found in self.lists]
        return f"{self.old} is still named by {', '.join(counts[:-1])} and {counts[-1]}."

    def lines(self) -> list[str]:
        """Everything in words, for a terminal."""
        things = [(word, one) for word, found in self.lists for one in found]
        return [
            self.sentence(),
            *(f"  {_SINGULAR[word]} {name}: {how}" for word, (name, _, how) in things),
        ]

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "policy": self.old,
            **{word: [{"name": n, "how": how} for n, _, how in found] for word, found in self.lists},
        }


_SINGULAR = {"policies": "policy", "models": "model", "reports": "report", "waivers": "waiver"}


def _counted(word: str, count: int) -> str:
    return f"{count or 'no'} {word if count > 1 else _SINGULAR[word]}"


def replaced_by(name: str, text: bytes) -> tuple[str, ...]:
    """What a policy takes the place of: as its text says, and as the texts of regulation say."""
    said = strict_yaml.read(text, name=name).value["metadata"].get("supersedes") or ()
    texts = [key for key, (found, _) in frameworks().items() if found.superseded_by == name]
    return tuple(dict.fromkeys((*said, *texts)))


def superseded(
    row: PolicyProposal | PolicyRelease, *, now: datetime, by: Person | None = None
) -> list[StillNamed]:
    """What still names each policy whose place this one takes."""
    return [still_named(old, now=now, by=by) for old in replaced_by(row.policy, bytes(row.text))]


def still_named(old: str, *, now: datetime, by: Person | None = None) -> StillNamed:
    """What names the old policy, of the models that the person may see; None: of all."""
    models = RegisteredModel.objects.all() if by is None else visible_models(by)
    policies = tuple(_policies(old, now))
    ids = [old, *dict.fromkeys(name.partition("@")[0] for name, _, _ in policies)]
    return StillNamed(
        old=old,
        policies=policies,
        models=tuple(_models(old, ids, models)),
        reports=tuple(_reports(ids, models)),
        waivers=tuple(_waivers(ids, models, now)),
    )


Named = Iterator[tuple[str, str, str]]


def _policies(old: str, now: datetime) -> Named:
    released = [policy_of(row) for row in PolicyRelease.objects.all()]
    for policy in select(released, facts={}, now=now):
        how = naming(policy, old)
        if how:
            name = f"{policy.id}@{policy.version}"
            yield name, f"/policies/{policy.id}/{policy.version}", " ".join(how)


def _models(old: str, ids: Sequence[str], models: QuerySet[RegisteredModel]) -> Named:
    """Those whose newest decision rests on one of the policies, or whose scope was decided to hold it."""
    newest = Decision.objects.filter(version__model__in=models, purpose=Purpose.APPROVAL)
    last = newest.order_by("version__model_id", "-decided_at", "-id").distinct("version__model_id")
    rows = Decision.objects.filter(_rests_on(ids), pk__in=last.values("pk")).select_related("version__model")
    for row in rows.order_by("version__model__key"):
        told = f"The decision on version {row.version.label} rests on {_which(row, ids)}."
        yield row.version.model.key, f"/decisions/{row.statement_digest}", told
    scopes = RegimeDecision.objects.filter(model__in=models, regime=old)
    for scope in scopes.order_by("model__key", "-decided_at", "-id").distinct("model__key"):
        if scope.applies:
            key = scope.model.key
            yield key, f"/models/{key}", f"It was decided that {old} applies."


def _reports(ids: Sequence[str], models: QuerySet[RegisteredModel]) -> Named:
    rows = Report.objects.filter(_rests_on(ids, "decision__"), version__model__in=models)
    for row in rows.select_related("version__model", "decision").order_by("-made_at"):
        if row.decision is not None:
            told = f"Its decision rests on {_which(row.decision, ids)}."
            yield str(row), f"/reports/{row.pk}", told


def _waivers(ids: Sequence[str], models: QuerySet[RegisteredModel], now: datetime) -> Named:
    rows = Waiver.objects.filter(version__model__in=models, valid_to__gt=now).select_related(
        "version__model", "decision"
    )
    for row in rows.order_by("valid_to"):
        asked = {
            name
            for gate in row.decision.document.get("gates") or ()
            if gate.get("id") == row.gate
            for name in gate.get("policies") or ()
        }
        if asked & set(ids):
            told = f"It waives {row.gate} of {', '.join(sorted(asked & set(ids)))}."
            yield f"{row.version} {row.gate}", f"/decisions/{row.decision.statement_digest}", told


def _rests_on(ids: Sequence[str], prefix: str = "") -> Q:
    wanted = Q()
    for name in ids:
        wanted |= Q(**{f"{prefix}document__policies__contains": [{"id": name}]})
    return wanted


def _which(row: Decision, ids: Sequence[str]) -> str:
    return ", ".join(
        f"{p['id']}@{p['version']}" for p in row.document.get("policies") or () if p.get("id") in ids
    )
