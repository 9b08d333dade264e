"""Attestation rounds as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.paging import listed
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body
from apps.approvals import commands, rounds

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.approvals.models import AttestationRound, RoundAnswer, RoundEntry


def _round(row: AttestationRound) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "title": row.title,
        "scope": row.scope,
        "due": row.due,
        "every_days": row.every_days,
        "follows": str(row.follows_id) if row.follows_id else None,
        "opened_by": row.opened_by.username,
        "opened_at": row.opened_at,
    }


def _entry(row: RoundEntry) -> dict[str, Any]:
    told = getattr(row, "answer", None)
    return {
        "id": row.pk,
        "model": row.model.key,
        "unit": row.model.unit.key,
        "owner": row.model.owner.username,
        "shown": rounds.entry_digest(row.model) if told is None else row.snapshot_digest,
        "outcome": rounds.outcome_of(row),
    } | (_answer(told) if told is not None else {})


def _answer(row: RoundAnswer) -> dict[str, Any]:
    return {
        "answered_at": row.answered_at,
        "statement": row.attestation.statement_digest if row.attestation else None,
        "finding": str(row.finding_id) if row.finding_id else None,
    }


@operation(
    "GET",
    "Attestation rounds that ask about models which the caller may see, newest first.",
    query={"cursor": "string"},
    answers={200: "Rounds and the next cursor."},
)
def list_rounds(request: HttpRequest, *, by: Person) -> HttpResponse:
    rows = rounds.visible_rounds(by)
    return answer(listed(request, "rounds", rows, by_time="opened_at", render=_round))


@operation(
    "POST",
    "Open a round over a part of the inventory.",
    request={
        "title": "string",
        "due": "date",
        "unit": "string?",
        "tiers": "array?",
        "models": "array?",
        "every_days": "integer?",
    },
    answers={201: "The round."},
)
def open_attestation_round(request: HttpRequest, *, by: Person) -> HttpResponse:
    sent = body(request)
    fields = Fields(sent)
    title, due = fields.text("title"), fields.day("due")
    unit, models = fields.text("unit", ""), fields.texts("models", [])
    tiers = fields.texts("tiers", [])
    every = fields.whole("every_days") if fields.names("every_days") else None
    fields.done()
    made = commands.open_round(
        by=by, title=title, due=due, unit=unit, tiers=_tiers(tiers), models=models, every_days=every
    )
    place = {"Location": f"/api/v1/attestations/rounds/{made.pk}"}
    return answer(_round(made), status=201, headers=place)


def _tiers(texts: list[str]) -> list[int]:
    if not all(text.isascii() and text.isdigit() and len(text) < 3 for text in texts):
        raise ApiProblem(
            422, '"tiers" must be a list of tiers as text, such as "1".', code="invalid", field="tiers"
        )
    return [int(text) for text in texts]


@operation("GET", "One round and its entries.", answers={200: "The round.", 404: "No such round."})
def show_round(request: HttpRequest, round_id: UUID, *, by: Person) -> HttpResponse:
    row = rounds.find_round(by, round_id)
    entries = rounds.entries_of(by, row).prefetch_related("model__versions")[:5000]
    return answer({**_round(row), "entries": [_entry(one) for one in entries]})


@operation(
    "POST",
    "Attest entries of one's own, each by the digest of what was shown; a person does, signed in.",
    request={"entries": "object (entry id to digest shown)"},
    answers={200: "The answers."},
)
def attest_in_round(request: HttpRequest, round_id: UUID, *, by: Person) -> HttpResponse:
    row = rounds.find_round(by, round_id)
    fields = Fields(body(request))
    sent = fields.mapping("entries")
    fields.done()
    known = set(rounds.entries_of(by, row).values_list("pk", flat=True))
    shown = {int(k): str(v) for k, v in sent.items() if k.isascii() and k.isdigit() and len(k) < 10}
    if len(shown) != len(sent) or set(shown) - known:
        raise ApiProblem(422, '"entries" names what is not in this round.', code="invalid", field="entries")
    made = commands.attest_entries(by=by, shown=shown)
    return answer({"answers": [_answer(one) for one in made]})


@operation(
    "POST",
    "Say what is wrong with an entry of one's own: a finding is opened.",
    request={"entry": "integer", "wrong": "string"},
    answers={200: "The answer."},
)
def dispute_in_round(request: HttpRequest, round_id: UUID, *, by: Person) -> HttpResponse:
    row = rounds.find_round(by, round_id)
    fields = Fields(body(request))
    key, wrong = fields.whole("entry"), fields.text("wrong")
    fields.done()
    entry = rounds.entries_of(by, row).filter(pk=key).first() if 0 < key < 1 << 62 else None
    if entry is None:
        raise ApiProblem(422, '"entry" names what is not in this round.', code="invalid", field="entry")
    return answer(_answer(commands.dispute_entry(by=by, entry=entry, wrong=wrong)))


@operation(
    "POST", "Ask a recurring round no more.", request={"reason": "string"}, answers={200: "The round."}
)
def end_attestation_round(request: HttpRequest, round_id: UUID, *, by: Person) -> HttpResponse:
    row = rounds.find_round(by, round_id)
    fields = Fields(body(request))
    reason = fields.text("reason")
    fields.done()
    commands.end_round(by=by, asked=row, reason=reason)
    return answer(_round(row))


all_rounds = endpoint(list_rounds, open_attestation_round)
one_round = endpoint(show_round)
attesting = endpoint(attest_in_round)
disputing = endpoint(dispute_in_round)
ending = endpoint(end_attestation_round)
