"""Reading runs, evidence, decisions and the policies in force."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    Avg,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound, Refused
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.engine.policy import Gate, Policy, gates_for, monitoring, select
from apps.engine.policy import policy_of as read_document
from apps.gates.clock import database_now
from apps.gates.models import Decision, Evidence, Partition, PolicyProposal, PolicyRelease, Run, Schedule
from apps.gates.states import ENDED, PartitionState, Purpose, RunState, WaitsFor
from apps.inventory.models import ModelVersion, RegisteredModel, Use
from apps.inventory.sealed import sealed_fields

PROPOSAL = "https://countersign.dev/policy-proposal/v1"
RELEASE = "https://countersign.dev/policy-release/v1"
SAMPLE = 20
LATE = timedelta(days=1)  # a scheduled run without a decision for so long is told
FORGOTTEN = timedelta(minutes=10)  # so long after its time nobody can have turned to a schedule


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Where a run stands: what its page and the program show."""

    run: Run
    done: int
    total: int
    elapsed_seconds: float | None
    expected_seconds: float | None
    gates: Sequence[Mapping[str, Any]]

    @property
    def ended(self) -> bool:
        return self.run.state in ENDED

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.done / self.total if self.total else float(self.ended)


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """How far the data of a run that is shared out are."""

    rows: Sequence[Partition]

    @property
    def done(self) -> int:
        return sum(row.state == PartitionState.MEASURED for row in self.rows)

    @property
    def total(self) -> int:
        return len(self.rows)

    @property
    def workers(self) -> int:
        """How many work on it now."""
        return len({row.owner for row in self.rows if row.state == PartitionState.RUNNING})

    @property
    def lines(self) -> list[tuple[Partition, str]]:
        """Each with its worker: the host, or who took it elsewhere."""
        return [(row, _worker(row.owner)) for row in self.rows]


def _worker(owner: str) -> str:
    host, _, rest = owner.partition(":")
    return f"{host}: {rest}" if host == "outside" else host


def partitions_of(run: Run) -> PartitionProgress:
    return PartitionProgress(list(run.partitions.order_by("dataset", "number")))


def asked_of(run: Run, partition: Partition) -> tuple[list[str], list[dict[str, Any]]]:
    """The names of all parts of its data set, and what the run's gates ask."""
    rows = run.partitions.filter(dataset=partition.dataset).values_list("parts", flat=True)
    gates = [g for g in gates_for(pinned_policies(run)) if g.speaks_of(run.pinned["fields"])]
    return sorted(name for row in rows for name in row), [question(gate) for gate in gates]


def question(gate: Gate) -> dict[str, Any]:
    """What is asked for a gate, in plain JSON."""
    return {
        "id": gate.id,
        "check": gate.check,
        "dataset": gate.dataset,
        "reference": gate.reference,
        "arguments": dict(gate.arguments),
    }


def leased_partitions(run: Run) -> QuerySet[Partition]:
    """The partitions of a run that somebody works on."""
    rows = Partition.objects.filter(run=run, state=PartitionState.RUNNING)
    return rows.select_related("run__version__model__unit")


def waiting_for_consent(by: Person) -> QuerySet[Run]:
    """Runs that wait for a person to approve what they are computed on, the oldest first."""
    waits = visible_runs(by).filter(state=RunState.QUEUED, waits_for=WaitsFor.CONSENT)
    return waits.order_by("requested_at")


def visible_runs(by: Person) -> QuerySet[Run]:
    found = Run.objects.filter(version__model__in=visible_models(by))
    return found.select_related("version__model", "use", "requested_by", "schedule")


def runs_with_outcomes(by: Person) -> QuerySet[Run]:
    """The runs that the person may see, each with the `outcome` of its decision, where there is one."""
    return visible_runs(by).annotate(outcome=F("decision__outcome"))


def find_run(by: Person, run_id: UUID | str) -> Run:
    try:
        identity = UUID(str(run_id))
    except ValueError:
        identity = None
    run = visible_runs(by).filter(pk=identity).first() if identity else None
    if run is None:
        raise NotFound(f"There is no run {run_id}, or you may not see it.")
    return run


def held_under(run_id: UUID, fence: int) -> bool:
    """Whether a run is still at work under this fence."""
    return Run.objects.filter(pk=run_id, fence=fence, state=RunState.RUNNING).exists()


def progress_of(run: Run) -> RunProgress:
    elapsed, began = None, run.started_at
    if run.waits_for == WaitsFor.PARTITIONS:
        began = run.partitions.aggregate(first=Min("started_at"))["first"]
    if began is not None:
        elapsed = max(((run.finished_at or database_now()) - began).total_seconds(), 0.0)
    return RunProgress(run, run.gates_done, run.gates_total, elapsed, run.expected_seconds, run.progress)


def run_page(
    by: Person,
    *,
    model: RegisteredModel | None = None,
    version: ModelVersion | None = None,
    state: str = "",
    purpose: str = "",
) -> QuerySet[Run]:
    """Runs that the person may see, newest first."""
    wanted = {"version__model": model, "version": version, "state": state, "purpose": purpose}
    rows = visible_runs(by).filter(**{k: v for k, v in wanted.items() if v}).select_related("decision")
    return rows.defer("decision__document", "decision__policies")  # a list shows neither, and they are large


def visible_decisions(by: Person) -> QuerySet[Decision]:
    found = Decision.objects.filter(version__model__in=visible_models(by))
    return found.select_related("version__model", "use", "run")


def find_decision(by: Person, digest: str) -> Decision:
    found = visible_decisions(by).filter(statement_digest=digest).first()
    if found is None:
        raise NotFound(f"There is no decision {digest}, or you may not see it.")
    return found


def visible_evidence(by: Person) -> QuerySet[Evidence]:
    rows = Evidence.objects.filter(run__version__model__in=visible_models(by))
    return rows.select_related("run__version__model")


def find_evidence(by: Person, digest: str) -> Evidence:
    found = visible_evidence(by).filter(statement_digest=digest).first()
    if found is None:
        raise NotFound(f"There is no evidence {digest}, or you may not see it.")
    return found


def latest_decision(
    version: ModelVersion, use: Use, purpose: str = Purpose.APPROVAL, *, as_of: datetime | None = None
) -> Decision | None:
    """The newest decision on a version for a use, now or as it stood at a time."""
    rows = Decision.objects.filter(version=version, use=use, purpose=purpose)
    if as_of is not None:
        rows = rows.filter(decided_at__lte=as_of)
    return rows.select_related("run", "version__model", "use").first()


def newest_outcomes(models: Sequence[RegisteredModel]) -> dict[int, str]:
    """By the key of each model, the outcome of its newest decision for an approval; one query."""
    rows = Decision.objects.filter(version__model__in=models, purpose=Purpose.APPROVAL)
    newest = rows.order_by("version__model_id", "-decided_at", "-id").distinct("version__model_id")
    return dict(newest.values_list("version__model_id", "outcome"))


def policy_of(release: PolicyRelease) -> Policy:
    """The policy that was released; refused when the stored document is no longer what its digest says."""
    policy = read_document(release.document)
    if policy.digest != release.digest:
        raise Refused(f"The stored document of {release} is not the one released ({release.digest}).")
    return policy


def policies_in_force(
    now: datetime, fields: Mapping[str, Any], environment: str | None = None
) -> list[Policy]:
    """The released policies that speak of a model with these fields at a time, by id; None: anywhere."""
    return policies_in_each(now, [(fields, environment)])[0]


def policies_in_each(
    now: datetime, places: Sequence[tuple[Mapping[str, Any], str | None]]
) -> list[list[Policy]]:
    """The same for several pairs of fields and environment, the releases read and verified once."""
    day = now.astimezone(UTC).date()
    rows = PolicyRelease.objects.filter(
        Q(effective_from__isnull=True) | Q(effective_from__lte=day),
        Q(effective_until__isnull=True) | Q(effective_until__gt=day),
        released_at__lte=now,
    )
    released = [(policy_of(row), row.statement_digest) for row in rows]
    found = [select([p for p, _ in released], facts=f, now=now, environment=e) for f, e in places]
    spoken = {policy.digest for policies in found for policy in policies}
    _refuse_forged([one for one in released if one[0].digest in spoken])
    return found


def _refuse_forged(released: Sequence[tuple[Policy, str]]) -> None:
    """A policy speaks only where a genuine statement says that exactly this one was released."""
    sealed = contents(key for _, key in released)
    for policy, key in released:
        told = sealed.get(key, {})
        said = told.get("predicate", {}).get("policy")
        if told.get("predicateType") != RELEASE or said != plain(policy.named()):
            raise Refused(f"The policy {policy.id}@{policy.version} has no genuine statement of its release.")


def policies_for(version: ModelVersion, use: Use, now: datetime) -> list[Policy]:
    return policies_in_force(now, sealed_fields(version, use).fields)


def data_read(run: Run, measurement: Mapping[str, Any]) -> dict[str, str]:
    """The data sets that the measurement says it rests on, by the digests that the run pinned."""
    told = (measurement["parameters"].get(name) for name in ("dataset", "reference_dataset"))
    return {name: run.pinned["datasets"][name] for name in told if name in run.pinned["datasets"]}


def pinned_policies(run: Run) -> list[Policy]:
    """The policies that a run names by digest."""
    digests = [p["digest"] for p in run.pinned["policies"]]
    found = {r.digest: r for r in PolicyRelease.objects.filter(digest__in=digests)}
    if missing := [d for d in digests if d not in found]:
        raise NotFound(f"The policy {missing[0]} that this run names is not released here.")
    return [monitoring(policy_of(found[d]), run.dataset) for d in digests]


def begun(ids: Collection[str], now: datetime) -> list[Policy]:
    """Every released version of these policies that has come into force, ended or not."""
    day = now.astimezone(UTC).date()
    rows = PolicyRelease.objects.filter(policy__in=ids, released_at__lte=now)
    return [policy_of(row) for row in rows.filter(effective_from__lte=day)]


def find_policy(name: str, version: str = "") -> PolicyRelease:
    """A release by name and version; the highest version when none is given."""
    rows = PolicyRelease.objects.filter(policy=name)
    found = sorted(rows.filter(version=version) if version else rows, key=_number)
    if not found:
        raise NotFound(f"There is no released policy {name}{f'@{version}' if version else ''}.")
    return found[-1]


def newest_release(name: str) -> PolicyRelease | None:
    """The highest released version of a policy."""
    return max(PolicyRelease.objects.filter(policy=name), key=_number, default=None)


def open_proposals() -> QuerySet[PolicyProposal]:
    """What is offered and of which no version is released yet, newest first."""
    released = PolicyRelease.objects.filter(policy=OuterRef("policy"), version=OuterRef("version"))
    return PolicyProposal.objects.filter(~Exists(released)).select_related("proposed_by")


def find_proposal(proposal_id: UUID | str) -> PolicyProposal:
    found = PolicyProposal.objects.filter(pk=proposal_id).select_related("proposed_by", "release").first()
    if found is None:
        raise NotFound(f"There is no proposal {proposal_id}.")
    return found


def _number(release: PolicyRelease) -> list[int]:
    return [int(part) for part in release.version.split(".")]


def released_policies() -> QuerySet[PolicyRelease]:
    return PolicyRelease.objects.select_related("proposed_by", "released_by").order_by(
        "policy", "-released_at"
    )


def expected_seconds(version: ModelVersion, use: Use) -> float | None:
    """How long a run takes: the mean of the latest of the same model, else of all; None before any."""
    decided = Run.objects.filter(state=RunState.DECIDED, started_at__isnull=False)
    return _mean_seconds(decided.filter(version__model=version.model, use=use)) or _mean_seconds(decided)


def _mean_seconds(runs: QuerySet[Run]) -> float | None:
    latest = Run.objects.filter(pk__in=runs.order_by("-finished_at").values("pk")[:SAMPLE])
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    mean = latest.aggregate(mean=Avg(took))["mean"]
    return None if mean is None else round(mean.total_seconds(), 3)


def due_schedules(now: datetime) -> QuerySet[Schedule]:
    rows = Schedule.objects.filter(ended_at__isnull=True, next_due__lte=now)
    return rows.select_related("version__model", "use", "set_by")


def unmonitored(now: datetime) -> QuerySet[Schedule]:
    """Schedules whose newest run came to no decision, or to none within a day, and nobody was told."""
    newest = Run.objects.filter(schedule=OuterRef("pk")).order_by("-requested_at")
    failed = Q(newest__in=[RunState.ERRORED, RunState.DEAD, RunState.CANCELLED])
    late = Q(newest__in=[RunState.QUEUED, RunState.RUNNING], asked_at__lt=now - LATE)
    rows = Schedule.objects.filter(ended_at__isnull=True).annotate(
        newest=Subquery(newest.values("state")[:1]), asked_at=Subquery(newest.values("requested_at")[:1])
    )
    untold = Q(missed_at__isnull=True) | Q(missed_at__lt=F("asked_at"))
    return rows.filter(failed | late, untold)


def not_monitored_since() -> QuerySet[Schedule]:
    """Schedules that were not kept the last time it was looked, and that no run has made good since."""
    rows = Schedule.objects.filter(ended_at__isnull=True, missed_at__isnull=False).filter(~Exists(_since()))
    return rows.select_related("version__model__owner", "use")


def _since() -> QuerySet[Run]:
    return Run.objects.filter(
        schedule=OuterRef("pk"), state=RunState.DECIDED, finished_at__gt=OuterRef("missed_at")
    )


def gates_owed(schedule: Schedule) -> list[Gate]:
    """The gates of the newest run that a schedule asked for; none where it never came to one."""
    run = schedule.runs.order_by("-requested_at").first()
    if run is None:
        return []
    return [g for g in gates_for(pinned_policies(run)) if g.speaks_of(run.pinned["fields"])]


def missed_schedules(by: Person) -> QuerySet[Schedule]:
    """Schedules whose monitoring did not happen, and has not happened since; and those nobody turned to."""
    rows = Schedule.objects.filter(ended_at__isnull=True, version__model__in=visible_models(by))
    alarmed = Q(missed_at__isnull=False) & ~Exists(_since())
    forgotten = Q(next_due__lt=database_now() - FORGOTTEN)
    return rows.filter(alarmed | forgotten).select_related("version__model", "use")


def schedules_of(version: ModelVersion) -> QuerySet[Schedule]:
    return Schedule.objects.filter(version=version, ended_at__isnull=True).select_related("use", "set_by")


def monitoring_failures() -> QuerySet[Decision]:
    """The newest monitoring decision of each version and use, where it is not a pass."""
    newest = Decision.objects.filter(
        version=OuterRef("version"), use=OuterRef("use"), purpose=Purpose.MONITORING
    )
    rows = Decision.objects.filter(
        purpose=Purpose.MONITORING, pk=Subquery(newest.order_by("-decided_at", "-id").values("pk")[:1])
    )
    return rows.exclude(outcome="pass").select_related("version__model", "use", "run")
