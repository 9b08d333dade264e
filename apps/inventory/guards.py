"""May it happen now? Each returns nothing, or a value it found, or raises Refused."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Person
from apps.access.queries import held_anywhere, standing_grants
from apps.access.states import Permission, Scope
from apps.access.text import required
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.engine.policy.vocabulary import nearest
from apps.engine.regimes import known
from apps.engine.tier import Scorecard
from apps.engine.tier_trial import bump_fault, lint, survivors
from apps.inventory import queries
from apps.inventory.intake import Intake
from apps.inventory.models import (
    BusinessUnit,
    ModelVersion,
    RegimeDecision,
    RegisteredModel,
    ScorecardProposal,
    Upload,
    Use,
)
from apps.inventory.scorecards import PROPOSAL, sealed_as
from apps.inventory.states import ModelKind, Part

_KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?\Z")
_PLACE = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?\Z")
_MOST = Decimal(10) ** 15


def key(text: str, field: str) -> str:
    """A name of letters, digits, dots, dashes and underscores."""
    if not isinstance(text, str) or not _KEY.match(text):
        raise Invalid(
            f'"{str(text)[:80]}" is no {field}: 1 to 100 letters, digits, dots, dashes and underscores.',
            field=field,
        )
    return text


def free_word(text: str, field: str) -> str:
    """Refused for a word that stands in addresses where a name would stand."""
    if text == "new":
        raise Invalid(f'"new" cannot be the {field}: it is an address of its own.', field=field)
    return text


def kind(text: str) -> ModelKind:
    if text not in list(ModelKind):
        raise Invalid(f'"{text}" is no kind of model; it is one of {", ".join(ModelKind)}.', field="kind")
    return ModelKind(text)


def jurisdictions(codes: Iterable[str]) -> list[str]:
    """Codes such as US, EU or US-NY, each once."""
    found = [codes] if isinstance(codes, str) else list(codes)
    for code in found:
        if not isinstance(code, str) or not _PLACE.match(code):
            raise Invalid(f'"{code}" is no jurisdiction, such as US, EU or US-NY.', field="jurisdictions")
    return list(dict.fromkeys(found))


def exposure(value: Any) -> Decimal | None:
    """An amount of money in whole cents, not negative."""
    if value is None or value == "":
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < _MOST:
        raise Invalid(f'"{value}" is no exposure: an amount in EUR from 0 on.', field="exposure_eur")
    return amount.quantize(Decimal("0.01"))


def owner(person: Person) -> Person:
    """Refused for an account that nobody can hold to account."""
    if person.is_service or not person.is_active:
        raise Invalid(
            f"{person.username} cannot own a model: an owner is a person who may sign in.", field="owner"
        )
    return person


def not_registered(model_key: str) -> None:
    if RegisteredModel.objects.filter(key=model_key).exists():
        raise Refused(f"A model {model_key} is registered already.", code="exists", field="key")


def same_kind(model: RegisteredModel, declared: str) -> None:
    if model.kind != declared:
        raise Refused(
            f"{model.key} is registered as a {model.kind}; the manifest says {declared}.", field="kind"
        )


def unit_for(by: Person, named: Any) -> BusinessUnit:
    """The unit that a manifest names; without one the only unit in which the person registers models."""
    if named:
        return queries.find_unit(required(named, field="unit", longest=80))
    units = [u for u in BusinessUnit.objects.order_by("key")[:50] if may(by, Permission.MODEL_REGISTER, u)]
    if len(units) == 1:
        return units[0]
    known = ", ".join(u.key for u in units) or "none for you"
    raise Invalid(f"The manifest must name the unit of a new model (spec.unit): {known}.", field="unit")


def answerable(by: Person) -> Person:
    """The human behind an act: the person, or whoever issued the token of a service account."""
    if not by.is_service:
        return by
    issuer = by.token.issued_by if by.token is not None else None
    if issuer is None:
        raise Forbidden(f"{by.username} is a service account: it acts with a token that a person issued.")
    return issuer


def holds_bytes(by: Person, intake: Intake) -> None:
    """Refused for bytes that are not stored, or that the person neither handed in nor may see."""
    known = set(queries.visible_blobs(by).filter(pk__in=intake.files).values_list("pk", flat=True))
    for digest in sorted(intake.files - known):
        raise NotFound(f"The bytes {digest} were not uploaded by you; upload them first.", field="blobs")


def unchanged(version: ModelVersion, intake: Intake) -> ModelVersion:
    """The version of this label, when it stands for the same bytes."""
    if version.digest != intake.digest:
        raise Refused(
            f"{version} is registered with the digest {version.digest}; these bytes have {intake.digest}. "
            "A version never changes: give the new one another label.",
            code="other_bytes",
        )
    return version


def in_service(use: Use) -> None:
    if use.retired_at is not None:
        raise Refused(f"The use {use.key} of {use.model.key} was retired on {use.retired_at:%Y-%m-%d}.")


def part(text: str) -> Part:
    if text not in list(Part):
        raise Invalid(f'"{text}" is no part; it is one of {", ".join(Part)}.', field="part")
    return Part(text)


def tier(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 4:
        raise Invalid(f"{number!r} is no tier; a tier is 1, 2, 3 or 4.", field="tier")
    return number


def regime(name: Any) -> str:
    """The id of a regime that is known."""
    if not isinstance(name, str) or name not in known():
        raise Invalid(
            f'There is no regime "{str(name)[:80]}".{nearest(str(name)[:80], known())}', field="regime"
        )
    return name


def yes_or_no(applies: Any) -> bool:
    if not isinstance(applies, bool):
        raise Invalid("Please say whether the regime applies: true or false.", field="applies")
    return applies


def may_narrow(by: Person, model: RegisteredModel, applies: bool) -> None:
    """Refused where whoever owns or built a model would take it out of a regime."""
    if not applies and by.identity in queries.builders_of(model):
        raise Forbidden(
            f"You own or built {model.key}: somebody else decides that a regime does not apply to it."
        )


def another_answer(before: RegimeDecision | None, applies: bool, rationale: str) -> None:
    """Refused where the newest decision says the very same, for the same reason."""
    if before is not None and (before.applies, before.rationale) == (applies, rationale):
        raise Refused(
            f"{before} already, decided on {before.decided_at:%Y-%m-%d} for this reason.", code="unchanged"
        )


def sooner(wanted: date | None, today: date, latest: date) -> date:
    """The day on which one is asked again: after today, and no later than the questionnaire says."""
    if wanted is None:
        return latest
    if not today < wanted <= latest:
        raise Invalid(
            f"It is asked again after today and by {latest:%Y-%m-%d}, not on {wanted:%Y-%m-%d}.",
            field="ask_again",
        )
    return wanted


def two_people(by: Person, proposed_by: Person) -> None:
    """A scorecard is proposed by one human and released by another; service accounts are neither."""
    if by.is_service or proposed_by.is_service:
        raise Forbidden("A service account cannot release a scorecard: two people do.")
    if by.identity == proposed_by.identity:
        raise Forbidden("A scorecard is released by a second person, not by whoever proposed it.")


def holds_role(person: Person, role: str) -> None:
    """Refused unless the person holds the role for the whole organisation."""
    if not standing_grants().filter(person=person, role=role, scope=Scope.ORGANISATION).exists():
        raise Forbidden(f"{person} does not hold the role {role}, whose members release this scorecard.")


def releasable(draft: Scorecard, in_force: Scorecard) -> None:
    """Its cases hold and notice every weakening, and its version says what kind of change it is."""
    beyond = [tier for tier, _ in draft.tiers if tier > 4]
    if beyond:
        raise Refused(f"{draft.id}@{draft.version}: a tier is 1, 2, 3 or 4, not {beyond[0]}.")
    if faults := [*lint(draft), *(f"No case would notice “{change}”." for change in survivors(draft))]:
        raise Refused(f"{draft.id}@{draft.version}: {faults[0]}", code="cases")
    if fault := bump_fault(in_force, draft):
        raise Refused(fault, code="version")


def genuine_proposal(proposal: ScorecardProposal) -> None:
    """The row says exactly what was sealed when it was offered, and of whom."""
    told = contents([proposal.statement_digest]).get(proposal.statement_digest, {})
    sealed = told.get("predicate", {})
    right = told.get("predicateType") == PROPOSAL and all(
        sealed.get(name) == plain(value) for name, value in sealed_as(proposal).items()
    )
    if not right:
        raise Refused(f"The proposal {proposal} has no genuine statement.", code="not_genuine")


def may_store(by: Person) -> None:
    """Refused unless the person registers versions or makes reports somewhere."""
    held = held_anywhere(by)
    if not held & {Permission.VERSION_REGISTER, Permission.REPORT_MAKE, Permission.REPORT_SIGN}:
        raise Forbidden("Only those who register versions or make reports store bytes.")


def fits_one_upload(size: Any, most: int) -> None:
    """Refused before a byte is sent where there would be too many of them."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise Invalid(f"{str(size)[:40]} is no size: a whole number of bytes from 0 on.", field="size")
    if size > most:
        raise Invalid(
            f"The upload has {size:,} bytes; at most {most:,} are taken.", field="size", code="too_large"
        )


def goes_on_at(upload: Upload | None, offset: int) -> Upload:
    """The upload, where it is not over and stands at this offset."""
    if upload is None or upload.expires_at <= timezone.now():
        raise NotFound("There is no such upload; it may have expired. Begin again.")
    if upload.complete:
        raise Refused("The upload is complete.", code="complete")
    if offset != upload.received:
        sentence = f"The upload stands at byte {upload.received:,}, not at {offset:,}."
        raise WrongOffset(sentence, at=upload.received)
    return upload


class WrongOffset(Refused):
    """Bytes for another place than the one where an upload stands."""

    code = "offset"

    def __init__(self, sentence: str, *, at: int) -> None:
        super().__init__(sentence)
        self.at = at


def all_received(upload: Upload) -> None:
    """Refused while bytes are missing."""
    if upload.received < upload.size:
        raise WrongOffset(
            f"The upload has {upload.received:,} of {upload.size:,} bytes; send the rest.", at=upload.received
        )
