"""How the log stands towards the outside: green, amber or red, and in words why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.audit import queries
from apps.audit.anchoring import duties
from apps.audit.anchoring.witnesses import AHEAD, Witness, configured
from apps.audit.clocks import disagreement
from apps.audit.models import AnchorPlace, Checkpoint
from apps.audit.stopping import stopped
from apps.engine.cosignature import cosigned
from apps.engine.errors import Problem
from apps.engine.note import Note


class Colour(StrEnum):
    """How bad it is."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


_ORDER = list(Colour)
_TELL_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """One place outside, as a person reads it."""

    name: str
    kind: str
    colour: Colour
    size: int | None
    succeeded_at: datetime | None
    failed_at: datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole: its sentence is the gravest one."""

    colour: Colour
    sentence: str
    anchored_at: datetime | None
    checkpoint_at: datetime | None
    pending: int
    places: tuple[PlaceStanding, ...]
    # Whether the deploy gate may allow anything.
    admits: bool


def standing(now: datetime | None = None) -> Standing:
    """Everything, for the health page."""
    at = now or timezone.now()
    rows = {row.name: row for row in AnchorPlace.objects.all()}
    health = queries.health()
    times = _vouched(rows, at)
    anchored = anchored_at(times)
    told = [_whole(rows, anchored, health.waiting_since, at)]
    admits = told[0][0] != Colour.RED
    told += [(Colour.RED, sentence) for sentence in filter(None, [disagreement()])]
    places = tuple(_place(duty, rows.get(duty.name), at) for duty in duties.wanted())
    told += [(p.colour, p.sentence) for p in places if p.kind != "witness" and p.colour != Colour.GREEN]
    colour, sentence = max(told, key=lambda pair: _ORDER.index(pair[0]))
    return Standing(colour, sentence, anchored, health.checkpoint_at, health.pending, places, admits)


def why_nothing_is_admitted(now: datetime | None = None) -> str:
    """Why the deploy gate may allow nothing now; empty while it may."""
    stop = stopped()
    if stop is not None:
        return f"The log is stopped: {stop.reason}"
    if not settings.WITNESSES:
        return ""
    at = now or timezone.now()
    rows = {row.name: row for row in AnchorPlace.objects.filter(kind="witness")}
    waiting = queries.health().waiting_since
    colour, sentence = _whole(rows, anchored_at(_vouched(rows, at)), waiting, at)
    return sentence if colour == Colour.RED else ""


_told: dict[str, tuple[float, str]] = {}


def recently_told() -> str:
    """The same, looked at once in ten seconds by each process: what every page says at its top."""
    database, now = str(connection.settings_dict["NAME"]), time.monotonic()
    at, sentence = _told.get(database, (float("-inf"), ""))
    if now - at >= _TELL_EVERY:
        sentence = why_nothing_is_admitted()
        _told[database] = now, sentence
    return sentence


def _whole(
    rows: dict[str, AnchorPlace], anchored: datetime | None, waiting: datetime | None, now: datetime
) -> tuple[Colour, str]:
    stop = stopped()
    if stop is not None:
        return Colour.RED, f"The log is stopped: {stop.reason}"
    if not settings.WITNESSES:
        return _without_witness(waiting, now)
    if anchored is None:
        return Colour.RED, f"{_never(rows)} Nothing is admitted until enough of them have."
    colour = max(_by_age(anchored, now), _by_age(waiting, now), key=_ORDER.index)
    return colour, _words(colour, anchored, waiting, now)


def _without_witness(waiting: datetime | None, now: datetime) -> tuple[Colour, str]:
    if _by_age(waiting, now) != Colour.GREEN and waiting is not None:
        return Colour.AMBER, f"Events wait for their place in the log since {_at(waiting)}."
    return (
        Colour.AMBER,
        "No witness is configured: nobody outside this installation vouches for its newest events.",
    )


def _never(rows: dict[str, AnchorPlace]) -> str:
    """Nothing that holds says that a witness ever signed; what else a row says counts for nothing."""
    failures = [row.failure for row in rows.values() if row.kind == "witness" and row.failure]
    if not rows:
        return "No witness was ever asked to vouch for the log; is the anchorer running?"
    return " ".join(["No witness has vouched for the log yet.", *failures[:1]])


def _words(colour: Colour, since: datetime, waiting: datetime | None, now: datetime) -> str:
    if colour == Colour.GREEN:
        return f"Witnesses vouch for the log as of {_at(since)}."
    ends = " Nothing is admitted until that is so again." if colour == Colour.RED else ""
    if _by_age(since, now) == Colour.GREEN and waiting is not None:
        return f"Events wait for their place in the log since {_at(waiting)}; is the sequencer running?{ends}"
    minutes = int((now - since).total_seconds() // 60)
    return f"No witness has vouched for the log since {_at(since)}, {minutes} minutes ago.{ends}"


def _by_age(since: datetime | None, now: datetime) -> Colour:
    if since is None:
        return Colour.GREEN
    age = now - since
    if age > timedelta(seconds=settings.ANCHOR_RED_SECONDS):
        return Colour.RED
    return Colour.AMBER if age > timedelta(seconds=settings.ANCHOR_AMBER_SECONDS) else Colour.GREEN


def anchored_at(times: Sequence[datetime]) -> datetime | None:
    """When as many witnesses as are asked for had vouched, at the latest."""
    newest, needed = sorted(times, reverse=True), settings.WITNESS_QUORUM
    return newest[needed - 1] if len(newest) >= needed else None


def _vouched(rows: dict[str, AnchorPlace], now: datetime) -> list[datetime]:
    return [at for witness in configured() for at in _vouched_by(witness, rows.get(witness.name), now)]


def _vouched_by(witness: Witness, row: AnchorPlace | None, now: datetime) -> Iterator[datetime]:
    """The time that the witness itself signed: what a row says of it is believed by nobody."""
    if row is None or not row.proof or row.size is None:
        return
    checkpoint = Checkpoint.objects.filter(size=row.size).first()
    if checkpoint is not None:
        at = _signed_at(witness, bytes(checkpoint.note), row.proof)
        if at is not None and at <= now + AHEAD:
            yield at


@lru_cache(maxsize=64)
def _signed_at(witness: Witness, note: bytes, line: str) -> datetime | None:
    try:
        return witness.cosigner.signed_at(Note.parse(cosigned(note, [line])))
    except Problem:
        return None


def _place(duty: duties.Duty, row: AnchorPlace | None, now: datetime) -> PlaceStanding:
    if row is None:
        return PlaceStanding(duty.name, duty.kind, Colour.AMBER, None, None, None, "Not tried yet.")
    late = now - (row.succeeded_at or row.since) > timedelta(seconds=duty.late_after)
    failing = row.failed_at is not None and (row.succeeded_at is None or row.failed_at > row.succeeded_at)
    colour = Colour.AMBER if late or failing else Colour.GREEN
    return PlaceStanding(
        duty.name, duty.kind, colour, row.size, row.succeeded_at, row.failed_at, _how(row, failing, late)
    )


def _how(row: AnchorPlace, failing: bool, late: bool) -> str:
    if failing:
        return row.failure
    if row.succeeded_at is None:
        return "Not done yet."
    return f"Done at {_at(row.succeeded_at)}" + (", which is long ago." if late else ".")


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
