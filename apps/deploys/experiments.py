"""Experiments: what stands, what the deploy gate answers within one, what stops it. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.access.models import Person
from apps.access.queries import visible_models
from apps.audit.errors import NotFound
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.deploys.facts import gather
from apps.deploys.models_experiments import Experiment, ExperimentResult
from apps.deploys.states import Arm
from apps.engine.admit import Admission as Answer
from apps.engine.admit import Reason, Request
from apps.gates.models import Decision
from apps.gates.states import Purpose
from apps.inventory.models import ModelVersion

PREDICATE = "https://countersign.dev/experiment/v1"
RESULT = "https://countersign.dev/experiment-result/v1"
END = "https://countersign.dev/experiment-end/v1"


def said(row: Experiment) -> dict[str, Any]:
    """What the sealed statement must say of a row: one that no statement stands behind lets nothing run."""
    return {
        "experiment": str(row.pk),
        "use": row.use.key,
        "environment": row.environment.key,
        "slot": row.slot,
        "champion": row.champion.digest,
        "challenger": row.challenger.digest,
        "share": format(row.share, "f"),
        "beginsAt": row.begins_at,
        "endsAt": row.ends_at,
        "stops": row.stops,
        "begunBy": str(row.begun_by_id),
    }


def genuine(row: Experiment) -> bool:
    """Whether the row says what was signed."""
    statement = contents([row.statement_digest]).get(row.statement_digest)
    if statement is None or statement["predicateType"] != PREDICATE:
        return False
    return all(statement["predicate"].get(name) == plain(value) for name, value in said(row).items())


def _rows() -> QuerySet[Experiment]:
    return Experiment.objects.select_related(
        "use",
        "environment",
        "champion__model__unit",
        "champion__model__owner",
        "challenger__model__unit",
        "begun_by",
        "end__finding",
        "end__ended_by",
    )


def visible(by: Person) -> QuerySet[Experiment]:
    """Experiments with models that the person may see, and those that the person began; newest first."""
    mine = Q(champion__model__in=visible_models(by), challenger__model__in=visible_models(by))
    return _rows().filter(mine | Q(begun_by=by))


def find(by: Person, key: UUID) -> Experiment:
    """One experiment, or NotFound."""
    row = visible(by).filter(pk=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    return row


def running(now: datetime) -> list[Experiment]:
    """Those that nothing has ended, whatever their time says."""
    return list(_rows().filter(end=None, begins_at__lte=now))


def stands(row: Experiment, now: datetime) -> str:
    """How it stands at a moment, in one word."""
    if getattr(row, "end", None) is not None:
        return "ended"
    if now < row.begins_at:
        return "to come"
    return "running" if now < row.ends_at else "over"


def arms(row: Experiment) -> Iterator[tuple[Arm, ModelVersion]]:
    """Both arms with their versions."""
    yield Arm.CHAMPION, row.champion
    yield Arm.CHALLENGER, row.challenger


def arm_answer(row: Experiment, version: ModelVersion, now: datetime) -> Answer:
    """What the deploy gate says of one of the two by itself."""
    request = Request(
        model=version.model.key,
        version=version.label,
        use=row.use.key,
        environment=row.environment.key,
        digest=version.digest,
    )
    # The use is named by its key: two models of an experiment have one each.
    use = version.model.uses.filter(key=row.use.key).first()
    return gather(version, use, row.environment, now).answer(request, now)


# The answer within an experiment ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """What a request says of an experiment that it is made for."""

    experiment: str
    share: str
    version: ModelVersion | None
    request: Request


def answered_within(answer: Answer, asked: Within, now: datetime) -> Answer:
    """The answer as the experiment leaves it: it only takes away, and ends with the experiment."""
    if not asked.experiment:
        return answer
    row = _find(asked.experiment)
    if row is None or not genuine(row):
        sentence = f"There is no experiment {asked.experiment} that somebody began and that was signed."
        return _denied(answer, [Reason("experiment_unknown", sentence, asked.experiment)])
    found = list(_against(row, asked, now))
    if found:
        return _denied(answer, found)
    if not answer.allowed:
        return answer
    ends = min(answer.expires_at, row.ends_at) if answer.expires_at else row.ends_at
    return replace(answer, expires_at=ends)


def _find(text: str) -> Experiment | None:
    try:
        return _rows().filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _denied(answer: Answer, found: list[Reason]) -> Answer:
    told = (reason for reason in answer.reasons if reason.code != "allowed")
    return replace(answer, outcome="deny", reasons=(*told, *found), expires_at=None)


def _against(row: Experiment, asked: Within, now: datetime) -> Iterator[Reason]:
    end, name = getattr(row, "end", None), f"The experiment “{row.title}”"
    if end is not None:
        yield Reason("experiment_ended", f"{name} was ended: {end.why}", str(row.pk))
    elif not row.begins_at <= now < row.ends_at:
        when = f"{row.begins_at:%Y-%m-%d %H:%M} to {row.ends_at:%Y-%m-%d %H:%M} UTC"
        yield Reason("experiment_over", f"{name} is not running now: its time is {when}.", str(row.pk))
    arm = next((arm for arm, version in arms(row) if asked.version == version), None)
    place = (asked.request.environment, asked.request.use)
    if arm is None or place != (row.environment.key, row.use.key):
        told = f"{asked.request.model}@{asked.request.version} for {place[1]} in {place[0]}"
        yield Reason("experiment_other", f"{name} is not about {told}.", str(row.pk))
        return
    yield from _share(row, asked.share, arm, name)
    other = row.challenger if arm is Arm.CHAMPION else row.champion
    against = arm_answer(row, other, now)
    if not against.allowed:
        why = " ".join(reason.message for reason in against.reasons[:3])
        yield Reason(
            "experiment_arm", f"The other arm of it, {other}, may not run there now: {why}", str(other)
        )


def _share(row: Experiment, told: str, arm: Arm, name: str) -> Iterator[Reason]:
    if not told:
        yield Reason("experiment_share", f"{name} is asked for without a share of the calls.", "share")
        return
    most = row.share if arm is Arm.CHALLENGER else Decimal(100)
    if Decimal(told) > most:
        sentence = f"{name} gives {row.challenger} at most {row.share:f} % of the calls; asked were {told} %."
        yield Reason("experiment_share", sentence, "share")


# What stops it --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Broken:
    """A gate that no longer passes in the monitoring of one arm."""

    decision: Decision
    version: ModelVersion
    sentence: str


def broken(row: Experiment) -> Broken | None:
    """The first breach of the stop rule since it began; what cannot be measured is one, too."""
    for _, version in arms(row):
        rows = Decision.objects.filter(
            version=version,
            use__key=row.use.key,
            purpose=Purpose.MONITORING,
            decided_at__gte=row.begins_at,
        )
        for decision in rows.select_related("run").order_by("decided_at", "pk"):
            if sentence := _breach(row, decision):
                return Broken(decision, version, f"{version}: {sentence}")
    return None


def _breach(row: Experiment, decision: Decision) -> str:
    sealed = contents([decision.statement_digest])
    if decision.statement_digest not in sealed:
        return f"the monitoring decision {decision.statement_digest} is not the one that was signed."
    gates: list[Mapping[str, Any]] = sealed[decision.statement_digest]["predicate"].get("gates", [])
    named = {gate["id"] for gate in gates}
    if missing := sorted(set(row.stops) - named):
        return f"monitoring did not measure {missing[0]}, which the stop rule names."
    for gate in gates:
        watched = gate["id"] in row.stops if row.stops else gate.get("enforcement") != "advisory"
        if watched and gate["outcome"] != "pass":
            return f"{gate['id']} is {gate['outcome']} in monitoring. {gate.get('why', '')}".strip()
    return ""


def over_share(row: Experiment) -> str:
    """The share of the calls that the challenger had, where it is more than it may have; else nothing.

    Only periods that both have reported say anything of a share.
    """
    told: dict[tuple[datetime, datetime], dict[str, int]] = {}
    for result in ExperimentResult.objects.filter(experiment=row):
        told.setdefault((result.begins, result.ends), {})[result.arm] = result.calls
    both = [calls for calls in told.values() if len(calls) == len(Arm)]
    whole = sum(sum(calls.values()) for calls in both)
    if not whole:
        return ""
    share = Decimal(100) * sum(calls[Arm.CHALLENGER] for calls in both) / whole
    return f"{share:.2f}" if share > row.share + _SLACK else ""


# Calls are spread by chance: a point over is no breach.
_SLACK = Decimal(1)
