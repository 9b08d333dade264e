from __future__ import annotations

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.models import Epoch, EpochProposal


def propose_epoch(*, by: Person, reason: str) -> EpochProposal:
    """Propose to begin a new log where the old one was lost."""
    require(by, Permission.EPOCH_OPEN)
    return audit.propose_epoch(by=by, reason=reason)


def confirm_epoch(*, by: Person) -> Epoch:
    """Begin the log that another human proposed."""
    require(by, Permission.EPOCH_OPEN)
    newest = EpochProposal.objects.last()
    proposer = Person.objects.filter(pk=newest.proposed_by).first() if newest else None
    if proposer is not None and proposer.identity == by.identity:
        raise Refused("A new log is begun by two people: another one than who proposed it confirms it.")
    return audit.confirm_epoch(by=by)
