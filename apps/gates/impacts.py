"""What a draft would change, read from the latest evidence of every model; no row is written."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import F, Func, JSONField, OuterRef, QuerySet, Subquery

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.engine.decide import MeasuredGate, SubjectFacts
from apps.engine.impact import Impact, Progress, Standing, asked_of, impact, replaying
from apps.engine.policy import Library, Policy, gates_for
from apps.gates import guards
from apps.gates.clock import database_now
from apps.gates.models import Decision, Evidence, PolicyProposal, PolicyRelease, Run
from apps.gates.queries import data_read, policy_of
from apps.gates.states import Purpose
from apps.inventory.models import RegisteredModel, Tiering
from apps.inventory.queries import subject_fields, with_excluded

_CHUNK = 500
Steps = Generator[tuple[int, int], None, Impact]


def released_library() -> Library:
    """Every released policy, for those that extend one."""
    rows = PolicyRelease.objects.only("policy", "version", "text")
    return Library({f"{r.policy}@{r.version}": bytes(r.text) for r in rows})


def still_fillable(proposal: PolicyProposal) -> None:
    """Refused where what is offered would now leave a model with nobody to approve it."""
    if getattr(proposal, "release", None) is None:
        data = bytes(proposal.text)
        policy = guards.readable_policy(data, name=str(proposal), library=released_library())
        guards.fillable(policy, database_now(), (proposal.proposed_by.identity,))


def impact_of(
    *, by: Person, data: bytes, name: str = "policy.yaml", progress: Progress | None = None
) -> Impact:
    """The impact of a draft on the models that the person may see; refused where it cannot be read."""
    require_anywhere(by, Permission.POLICY_PROPOSE)
    draft = guards.readable_policy(data, name=name, library=released_library())
    return replayed(visible_models(by), draft=draft, now=database_now(), progress=progress)


def impact_steps(*, by: Person, data: bytes, name: str = "policy.yaml") -> Steps:
    """The same, step by step: how many of how many are done, then the impact. Refused before it begins."""
    require_anywhere(by, Permission.POLICY_PROPOSE)
    draft = guards.readable_policy(data, name=name, library=released_library())
    return _steps(visible_models(by), draft)


def _steps(models: QuerySet[RegisteredModel], draft: Policy) -> Steps:
    total = _newest_decisions(models).count()
    yield 0, total
    steps = replaying(standings(models), released=_released(), draft=draft, now=database_now())
    while True:
        try:
            yield next(steps), total
        except StopIteration as end:
            yield total, total
            found: Impact = end.value
            return found


def impact_on_all(*, data: bytes, name: str, progress: Progress | None = None) -> Impact:
    """The same on every model, for whoever administers the database itself."""
    draft = guards.readable_policy(data, name=name, library=released_library())
    models = RegisteredModel.objects.all()
    return replayed(models, draft=draft, now=database_now(), progress=progress)


def replayed(
    models: QuerySet[RegisteredModel], *, draft: Policy, now: datetime, progress: Progress | None = None
) -> Impact:
    """The latest evidence of each model and use decided again, as now and with the draft."""
    return impact(standings(models), released=_released(), draft=draft, now=now, progress=progress)


def _released() -> list[Policy]:
    return [policy_of(row) for row in PolicyRelease.objects.all()]


def _newest_decisions(models: QuerySet[RegisteredModel]) -> QuerySet[Decision]:
    """The newest decision of each model and use that is not retired."""
    mine = Decision.objects.filter(purpose=Purpose.APPROVAL, version__model__in=models)
    newest = mine.order_by("version__model_id", "use_id", "-decided_at", "-id")
    found = mine.filter(pk__in=newest.distinct("version__model_id", "use_id").values("pk"))
    return found.filter(use__retired_at__isnull=True)


def standings(models: QuerySet[RegisteredModel]) -> Iterator[Standing]:
    """The newest decision of each model and use, a few hundred at a time."""
    tier = Tiering.objects.filter(model=OuterRef("version__model")).order_by("-assigned_at", "-id")
    rows = (
        _newest_decisions(models)
        .annotate(tier=Subquery(tier.values("tier")[:1]))
        .select_related("version__model__unit", "version__model__owner", "use", "run")
        .defer("document", "policies", "run__progress")
        .order_by("version__model__key", "use__key")
    )
    questions = _Questions()
    found: Any = with_excluded(rows, "version__model").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(found, _CHUNK)):
        evidence = _evidence([row.run_id for row in chunk])
        for row in chunk:
            remembered = row.version.model.__dict__
            remembered["tier"], remembered["excluded"] = row.tier, row.excluded
            yield _standing(row, evidence[row.run_id], questions)


_Row = tuple[UUID, str, dict[str, Any], datetime, str]


def _evidence(runs: list[UUID]) -> dict[UUID, list[_Row]]:
    """The measurements of some runs, without the groups and tables that only pages show."""
    slim = Func(
        F("measurement"), template="(%(expressions)s - ARRAY['groups', 'tables'])", output_field=JSONField()
    )
    rows = Evidence.objects.filter(run__in=runs).order_by("id")
    found: dict[UUID, list[_Row]] = {run: [] for run in runs}
    for row in rows.values_list("run_id", "gate", slim, "measured_at", "artifact_digest"):
        found[row[0]].append(row)
    return found


class _Questions:
    """What each gate of a run asked, by the run's policies; policies are read once."""

    def __init__(self) -> None:
        self._policies = {row.digest: policy_of(row) for row in PolicyRelease.objects.all()}
        self._held: dict[tuple[str, ...], Mapping[str, str]] = {}

    def of(self, run: Run) -> Mapping[str, str]:
        digests = tuple(policy["digest"] for policy in run.pinned["policies"])
        if digests not in self._held:
            policies = [self._policies[digest] for digest in digests if digest in self._policies]
            self._held[digests] = {gate.id: asked_of(gate) for gate in gates_for(policies)}
        return self._held[digests]


def _standing(row: Decision, evidence: list[_Row], questions: _Questions) -> Standing:
    run = row.run
    asked = questions.of(run)
    subject = SubjectFacts(
        model=row.version.model.key,
        version=row.version.label,
        digest=run.pinned["version"],
        artifact_digest=run.pinned["artifact"],
        dataset_digests=run.pinned["datasets"],
        facts=subject_fields(row.version, row.use),
    )
    measured = {
        asked[gate]: MeasuredGate(
            measurement=measurement,
            measured_at=at,
            artifact_digest=artifact or None,
            dataset_digests=data_read(run, measurement),
        )
        for _, gate, measurement, at, artifact in evidence
        if gate in asked
    }
    return Standing(use=row.use.key, subject=subject, measured=measured)
