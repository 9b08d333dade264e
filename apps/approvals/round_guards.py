"""May it happen now? The questions of attestation rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.approvals.models import AttestationRound, RoundAnswer, RoundEnd, RoundEntry
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.inventory.models import RegisteredModel

MOST_ENTRIES, MOST_TICKED = 5000, 50


def recurring(every_days: int | None) -> None:
    """Refused for a recurrence that is none."""
    if every_days is not None and not 7 <= every_days <= 1830:
        raise Invalid(f"A round comes again after 7 to 1,830 days, not {every_days}.", field="every_days")


def some_to_ask(asked: Sequence[RegisteredModel], named: Sequence[str]) -> None:
    """Refused where a scope holds nothing, too much, or a model that may not be asked about."""
    missing = sorted(set(named) - {model.key for model in asked})
    if missing:
        raise Invalid(f'There is no model "{missing[0][:60]}" to ask about.', field="models")
    if not asked:
        raise Invalid("No model of yours to ask about is in this scope.", field="unit")
    if len(asked) > MOST_ENTRIES:
        raise Invalid(f"{len(asked):,} models are too many for a round; it takes {MOST_ENTRIES:,}.")


def tickable(shown: Mapping[int, str]) -> None:
    """Refused where nothing was ticked, or more than a person looks at in one go."""
    if not shown:
        raise Invalid("Tick at least one entry.", field="entries")
    if len(shown) > MOST_TICKED:
        raise Invalid(
            f"{len(shown)} entries are ticked; {MOST_TICKED} are attested at once.", field="entries"
        )


def answerable(by: Person, entry: RoundEntry) -> None:
    """Refused to everybody but the owner, and once an entry was answered."""
    require(by, Permission.MODEL_ATTEST, entry.model)
    if by.identity != entry.model.owner.identity:
        raise Forbidden(f"{entry.model.owner.name} owns {entry.model.key}; nobody else attests its entry.")
    answer = RoundAnswer.objects.filter(entry=entry).first()
    if answer is not None:
        raise Refused(f"The entry of {entry.model.key} was answered before: it is {answer.outcome}.")


def as_shown(entry: RoundEntry, seen: str, present: str) -> None:
    """Refused where an entry is not what was on the page any more."""
    if seen != present:
        raise Refused(
            f"The entry of {entry.model.key} changed since it was shown; look at it again.", code="changed"
        )


def recurs(asked: AttestationRound) -> None:
    """Refused for a round that is not asked again."""
    if asked.every_days is None:
        raise Refused(f"“{asked.title}” is asked once; there is nothing to end.")
    if RoundEnd.objects.filter(round=asked).exists():
        raise Refused(f"“{asked.title}” was ended before.")
    if AttestationRound.objects.filter(follows=asked).exists():
        raise Refused(f"A later round follows “{asked.title}”; end that one.")
