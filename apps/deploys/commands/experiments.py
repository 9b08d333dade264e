"""Experiments begun, ended, and what they brought. Beginning one approves nothing: both arms are approved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, connection, transaction

from apps.access.guards import may, require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.approvals.states import Severity
from apps.audit import commands as audit
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.states import Acting, Ref
from apps.deploys import experiments, guards
from apps.deploys.models import Environment, Experiment, ExperimentEnd, ExperimentResult
from apps.deploys.models_experiments import LONGEST_EXPERIMENT
from apps.deploys.states import Arm, Cause
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion, RegisteredModel, Use

MOST_STOPS, MOST_MEASURED = 50, 50
MOST_SHARE = Decimal(50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an experiment is to be."""

    title: str
    environment: Environment
    slot: str
    share: str
    begins: datetime | None
    ends: datetime
    stops: Sequence[str] = field(default=())
    reason: str


@transaction.atomic
def begin_experiment(
    *, by: Person, use: Use, champion: ModelVersion, challenger: ModelVersion, plan: Plan
) -> Experiment:
    """Let two versions share the calls of a slot for a time. Each must be allowed there now by itself."""
    for version in (champion, challenger):
        _may_begin(by, version.model)
    now = database_now()
    row = _drawn(by, use, (champion, challenger), plan, now)
    if champion == challenger:
        raise Invalid("An experiment is of two different versions.", field="challenger")
    _one_in_a_slot(row, now)
    for _, version in experiments.arms(row):
        answer = experiments.arm_answer(row, version, now)
        if not answer.allowed:
            why = " ".join(reason.message for reason in answer.reasons[:5])
            raise Refused(f"{version} may not run in {row.environment.key}: {why}", code="arm_not_allowed")
    row.statement_digest = audit.seal(
        by=by,
        predicate_type=experiments.PREDICATE,
        subjects=[champion.audit_ref(), challenger.audit_ref()],
        predicate={**experiments.said(row), "title": row.title, "reason": row.reason},
        event=EventName.EXPERIMENT_BEGUN,
        about=Ref("experiment", str(row.pk), row.title),
    ).digest
    row.save(force_insert=True)
    return row


def _may_begin(by: Person, model: RegisteredModel) -> None:
    """Who puts versions up, and pipelines: nothing is approved by it."""
    if not may(by, Permission.ADMISSION_ASK, model):
        require(by, Permission.APPROVAL_SUBMIT, model)


def _drawn(
    by: Person, use: Use, two: tuple[ModelVersion, ModelVersion], plan: Plan, now: datetime
) -> Experiment:
    begins = plan.begins or now
    for name, moment in (("begins", begins), ("ends", plan.ends)):
        if moment.tzinfo is None:
            raise Invalid(f"The moment {moment} names no time zone.", field=name)
    if plan.ends <= max(begins, now) or plan.ends - begins > LONGEST_EXPERIMENT:
        raise Invalid(
            f"An experiment ends after it begins and after now, within {LONGEST_EXPERIMENT.days} days.",
            field="ends",
        )
    return Experiment(
        title=required(plan.title, field="title", longest=200),
        use=use,
        environment=plan.environment,
        slot=guards.slot(plan.slot),
        champion=two[0],
        challenger=two[1],
        share=_of_half(plan.share),
        begins_at=begins,
        ends_at=plan.ends,
        stops=_gates(plan.stops),
        reason=required(plan.reason, field="reason", longest=2000, lines=True),
        begun_by=by,
    )


def _of_half(text: str) -> Decimal:
    share = guards.share(text)
    if not share or not Decimal(share) <= MOST_SHARE:
        sentence = f"The challenger gets more than 0 and at most {MOST_SHARE} % of the calls."
        raise Invalid(sentence, field="share")
    return Decimal(share).quantize(Decimal("0.01"))


def _gates(names: Sequence[str]) -> list[str]:
    found = sorted({required(name, field="stops", longest=200) for name in names})
    if len(found) > MOST_STOPS:
        raise Invalid(f"{len(found)} gates are named; at most {MOST_STOPS} may stop one.", field="stops")
    return found


def _one_in_a_slot(row: Experiment, now: datetime) -> None:
    """Two experiments of one slot would each know nothing of the other's share."""
    _alone(f"slot|{row.environment.key}|{row.slot}")
    held = Experiment.objects.filter(environment=row.environment, slot=row.slot, end=None, ends_at__gt=now)
    if other := held.filter(begins_at__lt=row.ends_at, ends_at__gt=row.begins_at).first():
        raise Refused(f"The experiment “{other.title}” runs in {row.slot} at that time.", code="slot_taken")


def _alone(what: str) -> None:
    """Until this transaction ends nobody else does the same: the rows are facts, and cannot be locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"experiment|{what}"])


# Ending ----------------------------------------------------------------------------------------------------


@transaction.atomic
def end_experiment(*, by: Person, experiment: Experiment, reason: str) -> ExperimentEnd:
    """End it now; whoever may begin one or open findings may: it only takes away."""
    if not may(by, Permission.FINDING_OPEN, experiment.champion.model):
        _may_begin(by, experiment.champion.model)
    said = required(reason, field="reason", longest=2000)
    row = _hold(experiment)
    if row is None:
        raise Refused("It has ended before.", code="ended")
    return _sealed_end(by, row, Cause.ASKED, said)


def mind_experiments(*, by: Acting) -> int:
    """End what is over, what its stop rule stops and what may not run any more; how many ended."""
    return sum(_minded(by, row) for row in experiments.running(database_now()))


@transaction.atomic
def _minded(by: Acting, experiment: Experiment) -> bool:
    row = _hold(experiment)
    if row is None:
        return False
    cause, why, version = _due(row)
    if cause is None:
        return False
    finding = _finding(by, row, version, cause, why) if version is not None else None
    _sealed_end(by, row, cause, why, finding)
    return True


def _due(row: Experiment) -> tuple[Cause | None, str, ModelVersion | None]:
    """Why it is to end now, of the gravest kind; the version that is to blame, where one is."""
    now = database_now()
    if found := experiments.broken(row):
        why = f"{found.sentence} Decision {found.decision.statement_digest}."
        return Cause.STOPPED, why[:2000], found.version
    for _, version in experiments.arms(row):
        answer = experiments.arm_answer(row, version, now)
        if not answer.allowed and answer.outcome != "error":
            why = " ".join(reason.message for reason in answer.reasons[:5])
            return Cause.NOT_ALLOWED, f"{version} may not run there any more: {why}"[:2000], version
    if share := experiments.over_share(row):
        why = f"{row.challenger} answered {share} % of the calls; at most {row.share:f} % were given to it."
        return Cause.OVER_SHARE, why, row.challenger
    if now >= row.ends_at:
        return Cause.OVER, f"Its time was over at {row.ends_at:%Y-%m-%d %H:%M} UTC.", None
    return None, "", None


def _finding(by: Acting, row: Experiment, version: ModelVersion, cause: Cause, why: str) -> Finding:
    words = {Cause.STOPPED: "stopped by its rule", Cause.NOT_ALLOWED: "ended: not allowed any more"}
    told = words.get(cause, "ended: more calls than were given")
    return approvals.open_observed_finding(
        by=by,
        model=version.model,
        version=version,
        title=f"Experiment “{row.title}” {told}"[:300],
        detail=why,
        severity=Severity.HIGH,
    )


def _hold(experiment: Experiment) -> Experiment | None:
    """The row while nobody else ends it; None where somebody has."""
    _alone(str(experiment.pk))
    return None if ExperimentEnd.objects.filter(experiment=experiment).exists() else experiment


def _sealed_end(
    by: Acting, row: Experiment, cause: Cause, why: str, finding: Finding | None = None
) -> ExperimentEnd:
    person = by if isinstance(by, Person) else None
    statement = audit.seal(
        by=by,
        predicate_type=experiments.END,
        subjects=[row.champion.audit_ref(), row.challenger.audit_ref()],
        predicate={
            "experiment": row.statement_digest,
            "cause": cause,
            "why": why,
            "finding": str(finding.pk) if finding else None,
        },
        event=EventName.EXPERIMENT_ENDED,
        about=row.audit_ref(),
    )
    return ExperimentEnd.objects.create(
        experiment=row,
        cause=cause,
        why=why,
        finding=finding,
        ended_by=person,
        statement_digest=statement.digest,
    )


# What came of it ------------------------------------------------------------------------------------------


@transaction.atomic
def report_result(
    *,
    by: Person,
    experiment: Experiment,
    arm: str,
    begins: datetime,
    ends: datetime,
    calls: int,
    measured: Mapping[str, float],
) -> ExperimentResult:
    """Write down what an arm brought in a period: evidence of that version, self-reported, told once."""
    if arm not in list(Arm):
        raise Invalid(f"“{arm[:40]}” is no arm; it is {' or '.join(Arm)}.", field="arm")
    version = dict(experiments.arms(experiment))[Arm(arm)]
    require(by, Permission.ADMISSION_ASK, version.model)
    guards.period(begins, ends, database_now())
    if not experiment.begins_at <= begins or ends > experiment.ends_at:
        raise Invalid("The period lies outside the time of the experiment.", field="begins")
    if isinstance(calls, bool) or not 0 <= calls < 1 << 62:
        raise Invalid(f"The calls are zero or more, not {calls}.", field="calls")
    row = ExperimentResult(
        experiment=experiment,
        arm=arm,
        version=version,
        begins=begins,
        ends=ends,
        calls=calls,
        measured=_measured(measured),
        reported_by=by,
    )
    row.statement_digest = audit.seal(
        by=by,
        predicate_type=experiments.RESULT,
        subjects=[version.audit_ref()],
        predicate={
            "experiment": experiment.statement_digest,
            "arm": arm,
            "version": version.digest,
            "begins": begins,
            "ends": ends,
            "calls": calls,
            "measured": {name: repr(value) for name, value in row.measured.items()},
            "provenance": "self-reported",
        },
        event=EventName.EXPERIMENT_REPORTED,
        about=experiment.audit_ref(),
    ).digest
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Refused(f"What the {arm} brought in this period is known already.", code="reported") from None
    return row


def _measured(given: Mapping[str, float]) -> dict[str, float]:
    if len(given) > MOST_MEASURED:
        raise Invalid(f"{len(given)} numbers are told; at most {MOST_MEASURED} are kept.", field="measured")
    found: dict[str, float] = {}
    for name, value in given.items():
        key = clean(name, field="measured", longest=120)
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not key or not plain or not math.isfinite(value):
            raise Invalid(f"“{name[:80]}” is no name with a finite number.", field="measured")
        found[key] = float(value)
    return found
