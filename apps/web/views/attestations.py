"""Attestation rounds: what waits for one, the board of a round, and asking for another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.access.queries import held_anywhere
from apps.access.states import Permission
from apps.approvals import commands, rounds
from apps.audit.errors import Invalid, NotFound
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.approvals.models import AttestationRound, RoundEntry

HOME = "/attestations"
SHOWN = 50


@page("GET", "POST")
def listed(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every round that one may see, one's own entries that wait, and the form for another round."""
    if request.method == "POST":
        made = _opened(request, by)
        return done(request, f"{made.entries.count()} entries are asked about.", f"{HOME}/{made.pk}")
    found = list(rounds.visible_rounds(by)[:100])
    counts = rounds.counts(found, by)
    context = {
        "title": "Attestations",
        "rows": [(row, counts.get(row.pk, {}), rounds.told(row.scope)) for row in found],
        "waiting": rounds.waiting_for(by)[:SHOWN],
        "may_ask": Permission.ATTESTATION_ASK in held_anywhere(by),
        "tiers": (1, 2, 3, 4),
        "today": timezone.now().date(),
    }
    return render(request, "attestations/list.html", context)


def _opened(request: HttpRequest, by: Person) -> AttestationRound:
    sent = request.POST
    every = sent.get("every_days", "").strip()
    return commands.open_round(
        by=by,
        title=sent.get("title", ""),
        due=_day(sent.get("due", "")),
        unit=sent.get("unit", "").strip(),
        tiers=[_whole(text, "tiers") for text in sent.getlist("tiers")],
        models=[key for key in sent.get("models", "").replace(",", " ").split() if key],
        every_days=_whole(every, "every_days") if every else None,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f'"due" is {text[:40]!r}; a day such as 2027-03-31 was expected.', field="due"
        ) from None


def _whole(text: str, field: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid(f'"{field}" holds {text[:40]!r}; a whole number was expected.', field=field)
    return int(text)


@page("GET", "POST")
def shown(request: HttpRequest, round_id: UUID, *, by: Person) -> HttpResponse:
    """One round: a lane a unit, and one's own entries to answer."""
    row = rounds.find_round(by, round_id)
    if request.method == "POST":
        act = request.POST.get("act", "")
        if act not in _ACTS:
            raise Invalid(f'There is no act "{act[:40]}".', field="act")
        return done(request, _ACTS[act](request, row, by), f"{HOME}/{row.pk}")
    entries = list(rounds.entries_of(by, row))
    mine = [
        (entry, rounds.snapshot_of(entry.model), rounds.entry_digest(entry.model))
        for entry in rounds.waiting_for(by).filter(round=row)[:SHOWN]
    ]
    context = {
        "title": row.title,
        "row": row,
        "scope": rounds.told(row.scope),
        "lanes": rounds.board(entries),
        "mine": mine,
        "ended": getattr(row, "end", None),
        "may_ask": Permission.ATTESTATION_ASK in held_anywhere(by),
        "answered": [e for e in entries if rounds.outcome_of(e) != "waiting"],
    }
    return render(request, "attestations/round.html", context)


def _attest(request: HttpRequest, row: AttestationRound, by: Person) -> str:
    ticked = [_whole(key, "entries") for key in request.POST.getlist("entries")]
    shown_as = {key: request.POST.get(f"shown-{key}", "") for key in ticked}
    count = len(commands.attest_entries(by=by, shown=shown_as))
    return f"You attested {count} entr{'y' if count == 1 else 'ies'}."


def _dispute(request: HttpRequest, row: AttestationRound, by: Person) -> str:
    entry = _entry(row, by, _whole(request.POST.get("entry", ""), "entry"))
    answer = commands.dispute_entry(by=by, entry=entry, wrong=request.POST.get("wrong", ""))
    return f"The finding “{answer.finding}” is opened."


def _entry(row: AttestationRound, by: Person, key: int) -> RoundEntry:
    found = rounds.entries_of(by, row).filter(pk=key).first()
    if found is None:
        raise NotFound(f"There is no entry {key} in this round.")
    return found


def _end(request: HttpRequest, row: AttestationRound, by: Person) -> str:
    commands.end_round(by=by, asked=row, reason=request.POST.get("reason", ""))
    return "It is asked no more after this one."


_ACTS: dict[str, Callable[[HttpRequest, AttestationRound, Person], str]] = {
    "attest": _attest,
    "dispute": _dispute,
    "end": _end,
}
