"""A log begun anew after events were lost: one person says what is left, another opens it.

Run on the log's own machine, where the file of checkpoints lies: the openings are written down beside it.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from apps.audit.anchors import Anchor, anchor_file, epoch_of, origin_of
from apps.audit.commands.recording import record
from apps.audit.epochs import Opening, note
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Epoch, EpochProposal, TreeState
from apps.audit.states import Acting, Ref
from apps.audit.stopping import stopped, unmark
from apps.audit.tree import stored_root


@transaction.atomic
def propose_epoch(*, by: Acting, reason: str) -> EpochProposal:
    """Say what the database still holds of the log, and ask another person to begin a new one there."""
    if not reason.strip():
        raise Refused("A reason is needed to begin a new log.", code="invalid", field="reason")
    if stopped() is None:
        raise Refused("The log is not stopped: there is nothing to begin anew.")
    opening = _opening(_last(), proposed_by=by.audit_identity().id)
    event = record(
        by=by,
        action=EventName.EPOCH_PROPOSED,
        subject=Ref("epoch", str(opening.number), opening.origin),
        after=opening.as_facts(),
        reason=reason,
    )
    return EpochProposal.objects.create(
        number=opening.number,
        origin=opening.origin,
        after_origin=opening.after_origin,
        after_size=opening.after_size,
        after_root=bytes.fromhex(opening.after_root),
        base=opening.base,
        reason=reason.strip(),
        proposed_by=opening.proposed_by,
        event=event,
    )


@transaction.atomic
def confirm_epoch(*, by: Acting) -> Epoch:
    """Begin the log that another person proposed; the sequencer goes on with it when it is started again."""
    last, person = _last(), by.audit_identity().id
    proposal = EpochProposal.objects.filter(number=epoch_of(last.checkpoint.origin) + 1).last()
    if proposal is None or hasattr(proposal, "epoch"):
        raise Refused("Nobody proposed to begin a new log.")
    if proposal.proposed_by == person:
        raise Refused("A new log is begun by two people: another one than who proposed it confirms it.")
    opening = _opening(last, proposed_by=proposal.proposed_by)
    if (opening.after_size, opening.base) != (proposal.after_size, proposal.base):
        raise Refused("What the database holds has changed since it was proposed; propose it again.")
    event = record(by=by, action=EventName.EPOCH_OPENED, subject=proposal, after=opening.as_facts())
    epoch = Epoch.objects.create(
        number=opening.number,
        proposal=proposal,
        proposed_by=proposal.proposed_by,
        confirmed_by=person,
        event=event,
    )
    # Last, before the commit: an opening whose event is not there is refused by the sequencer.
    note(replace(opening, confirmed_by=person, event=str(event.pk)))
    unmark(timezone.now())
    return epoch


def _last() -> Anchor:
    last = anchor_file().last()
    if last is None:
        raise Refused(f"{anchor_file().path} holds no checkpoint: there is no log to go on from.")
    return last


def _opening(last: Anchor, *, proposed_by: str) -> Opening:
    said, base = last.checkpoint, TreeState.objects.get().size
    number = epoch_of(said.origin) + 1
    return Opening(
        number=number,
        origin=origin_of(number, said.origin),
        after_origin=said.origin,
        after_size=said.size,
        after_root=said.root.hex(),
        base=base,
        base_root=stored_root(base).hex(),
        proposed_by=proposed_by,
        confirmed_by="",
        event="",
    )
