"""The challenge log as it is shown: threads, what entries speak of, and whether that has changed since."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.access.models import Person
from apps.approvals import challenges
from apps.approvals.challenges import About
from apps.approvals.models import Challenge
from apps.approvals.states import Thing
from apps.audit.errors import Invalid, Refused
from apps.audit.queries import keys, read_statement
from apps.engine.errors import Problem
from apps.gates.models import Decision, Evidence
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.reports import queries
from apps.reports.models import Report


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry with what a reader must know: whether it is as sealed, and speaks of the present version."""

    row: Challenge
    text: str
    earlier: bool
    sealed: bool

    @property
    def person(self) -> str:
        """Who said it."""
        return str(self.row.person)


@dataclass(frozen=True, slots=True)
class Thread:
    """What somebody began with, and the answers to it."""

    first: Entry
    answers: Sequence[Entry] = field(default=())


def find_about(by: Person, thing: str, key: str) -> About:
    """The thing that a person names, for somebody who may read it."""
    found = _FIND.get(thing)
    if found is None:
        raise Invalid(f"“{thing[:40]}” is nothing to speak of; choose {', '.join(_FIND)}.", field="thing")
    return found(by, key)


def about_report(by: Person, key: str) -> About:
    """A report of a model, as its newest revision stands."""
    try:
        report = queries.find_report(by, UUID(key))
    except ValueError:
        raise Invalid(f"“{key[:40]}” is no report.", field="id") from None
    if report.version is None:
        raise Refused("This report is over many models; speak of one of them.")
    newest = queries.newest_blob(report).digest
    return About(
        Thing.REPORT, str(report.pk), str(report)[:400], newest, report.version.model, report.version
    )


_FIND: Mapping[str, Callable[[Person, str], About]] = {
    Thing.EVIDENCE: challenges.about_evidence,
    Thing.DECISION: challenges.about_decision,
    Thing.REPORT: about_report,
    Thing.FINDING: challenges.about_finding,
}


def choices(decision: Decision) -> list[tuple[str, str]]:
    """What can be spoken of on a decision's page: the whole, and each piece of its evidence."""
    evidence = decision.run.evidence.order_by("gate").values_list("statement_digest", "gate")
    pieces = [(f"evidence:{key}", gate) for key, gate in evidence]
    return [(f"decision:{decision.statement_digest}", "the decision as a whole"), *pieces]


def address(row: Challenge) -> str:
    """The page of the thing, as it was when the entry spoke of it."""
    if row.thing == Thing.EVIDENCE:
        piece = Evidence.objects.filter(statement_digest=row.thing_digest).first()
        return f"/runs/{piece.run_id}#gate-{piece.gate}" if piece is not None else ""
    places = {Thing.DECISION: row.thing_digest, Thing.REPORT: row.thing_id, Thing.FINDING: row.thing_id}
    return f"/{row.thing}s/{places[Thing(row.thing)]}"


def again(by: Person, row: Challenge) -> About:
    """The thing that an entry speaks of, as it stands now: what an answer is bound to."""
    key = row.thing_id if row.thing in (Thing.FINDING, Thing.REPORT) else ""
    if not key:
        present = challenges.present_digests([row])
        key = present[(row.version_id, row.thing, row.thing_id)] or row.thing_digest
    return find_about(by, row.thing, key)


# --- Which entries ---------------------------------------------------------------------------------------


def on_decision(by: Person, decision: Decision) -> QuerySet[Challenge]:
    """Everything said of a use's decision and evidence, at whatever measurement of this version."""
    use = decision.use.key
    wanted = Q(thing=Thing.DECISION, thing_id=use) | Q(thing=Thing.EVIDENCE, thing_id__startswith=f"{use}/")
    return challenges.visible_challenges(by).filter(wanted, version=decision.version)


def on_thing(by: Person, thing: Thing, key: str) -> QuerySet[Challenge]:
    """Everything said of one report or finding."""
    return challenges.visible_challenges(by).filter(thing=thing, thing_id=key)


def on_anything(
    by: Person, model: RegisteredModel, version: ModelVersion | None = None
) -> QuerySet[Challenge]:
    """Everything said of a model; with a version of what is that version's, or no version's."""
    rows = challenges.visible_challenges(by).filter(model=model)
    return rows if version is None else rows.filter(Q(version=version) | Q(version=None))


def on_version(version: ModelVersion) -> QuerySet[Challenge]:
    """Everything said of a version, and of the model without naming a version; for reports."""
    rows = Challenge.objects.filter(Q(version=version) | Q(version=None), model=version.model_id)
    return rows.select_related("person", "model", "version").prefetch_related("mentions__person")


def later_than(by: Person, report: Report) -> int:
    """How many entries on its version came after a report was made, which holds none of them."""
    if report.version is None:
        return 0
    said = on_anything(by, report.version.model, report.version)
    return said.filter(said_at__gt=report.made_at).count()


# --- As it is shown --------------------------------------------------------------------------------------


def threads(rows: QuerySet[Challenge], *, most: int = 1000) -> list[Thread]:
    """Threads of the newest entries, the one that was spoken in last on top."""
    newest = list(rows.order_by("-said_at", "-pk")[:most])
    here = {row.pk for row in newest}
    missing = {row.answers_id for row in newest if row.answers_id and row.answers_id not in here}
    found = entries([*rows.filter(pk__in=missing), *reversed(newest)])
    answers: dict[UUID, list[Entry]] = {}
    for entry in found:
        if entry.row.answers_id is not None:
            answers.setdefault(entry.row.answers_id, []).append(entry)
    made = [Thread(e, answers.get(e.row.pk, ())) for e in found if e.row.answers_id is None]
    return sorted(made, key=lambda t: max(e.row.said_at for e in (t.first, *t.answers)), reverse=True)


def entries(rows: Sequence[Challenge]) -> list[Entry]:
    """Each entry held against what was sealed of it, and against its thing as it stands today."""
    if not rows:
        return []
    present, trusted = {**challenges.present_digests(rows), **_reports(rows)}, keys()
    return [
        Entry(
            row,
            challenges.shown_text(row),
            present.get((row.version_id, row.thing, row.thing_id), "") != row.thing_digest,
            _as_sealed(row, trusted),
        )
        for row in rows
    ]


def _reports(rows: Sequence[Challenge]) -> dict[tuple[int | None, str, str], str]:
    named = {row.thing_id for row in rows if row.thing == Thing.REPORT}
    newest = {str(one.pk): queries.newest_blob(one).digest for one in Report.objects.filter(pk__in=named)}
    return {
        (row.version_id, row.thing, row.thing_id): newest.get(row.thing_id, "")
        for row in rows
        if row.thing == Thing.REPORT
    }


def _as_sealed(row: Challenge, trusted: Any) -> bool:
    try:
        said = read_statement(row.statement_digest, trusted=trusted)["predicate"]
    except (Problem, Refused):
        return False
    thing = {"type": row.thing, "id": row.thing_id, "digest": row.thing_digest}
    told = {"text": row.text, "person": str(row.person_id), "said": row.said, "thing": thing}
    return all(said.get(name) == value for name, value in told.items())


def sealed_entries(version: ModelVersion) -> tuple[list[Entry], int]:
    """For reports: the entries on a version that are as they were sealed, and how many are not."""
    found = entries(list(on_version(version)))
    return [entry for entry in found if entry.sealed], sum(not entry.sealed for entry in found)
