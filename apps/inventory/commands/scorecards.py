"""Scorecards are released like policies: offered by one person with what was shown, released by another."""

from __future__ import annotations

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import digest
from apps.engine.tier import Scorecard
from apps.engine.tier_trial import owner_of
from apps.inventory import guards, scorecards
from apps.inventory.commands.models import hold_model
from apps.inventory.models import ScorecardProposal, ScorecardRelease

_ONE_AT_A_TIME = "(scorecards)"


@transaction.atomic
def propose_scorecard(*, by: Person, data: bytes, note: str = "") -> ScorecardProposal:
    """Offer a scorecard's bytes; refused where they could not be released.

    Its cases, what changes in words and every model that would move are worked out now and sealed.
    """
    require(by, Permission.POLICY_PROPOSE)
    draft = scorecards.readable(data)
    guards.holds_role(by, owner_of(draft))
    guards.releasable(draft, scorecards.scorecard())
    said = clean(note, field="note", lines=True)
    shown = scorecards.shown_of(draft)
    statement = audit.seal(
        by=by,
        predicate_type=scorecards.PROPOSAL,
        subjects=[_ref(draft)],
        predicate={
            "scorecard": scorecards.named(draft),
            "text": digest(data),
            "note": said,
            "shown": shown,
            "proposedBy": str(by.pk),
        },
        event=EventName.SCORECARD_PROPOSED,
    )
    return ScorecardProposal.objects.create(
        scorecard=draft.id,
        version=draft.version,
        digest=draft.digest,
        text=data,
        note=said,
        shown=shown,
        proposed_by=by,
        statement_digest=statement.digest,
    )


@transaction.atomic
def release_scorecard(*, by: Person, proposal: ScorecardProposal) -> ScorecardRelease:
    """Release what another person proposed; from now on it judges. Tiers that were given stay."""
    require(by, Permission.POLICY_RELEASE)
    hold_model(_ONE_AT_A_TIME)
    guards.two_people(by, proposal.proposed_by)
    guards.genuine_proposal(proposal)
    draft = scorecards.readable(bytes(proposal.text))
    for person in (by, proposal.proposed_by):
        guards.holds_role(person, owner_of(draft))
    guards.releasable(draft, scorecards.scorecard())
    statement = audit.seal(
        by=by,
        predicate_type=scorecards.RELEASE,
        subjects=[_ref(draft)],
        predicate={
            "scorecard": scorecards.named(draft),
            "text": digest(bytes(proposal.text)),
            "proposal": proposal.statement_digest,
            "proposedBy": str(proposal.proposed_by_id),
            "releasedBy": str(by.pk),
            "document": draft.document,
        },
        event=EventName.SCORECARD_RELEASED,
    )
    return ScorecardRelease.objects.create(
        scorecard=draft.id,
        version=draft.version,
        digest=draft.digest,
        text=bytes(proposal.text),
        document=draft.document,
        proposal=proposal,
        proposed_by=proposal.proposed_by,
        released_by=by,
        statement_digest=statement.digest,
    )


def _ref(draft: Scorecard) -> Ref:
    return Ref("scorecard", draft.id, f"{draft.id}@{draft.version}", draft.digest)
