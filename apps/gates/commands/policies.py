"""Releasing policies: read strictly, tried on their cases, proposed by one person and released by another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.db import transaction

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Forbidden, Refused
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import digest
from apps.engine.policy import Policy
from apps.gates import guards
from apps.gates.clock import database_now
from apps.gates.commands.proposals import Cases, propose_policy
from apps.gates.impacts import released_library
from apps.gates.models import PolicyProposal, PolicyRelease
from apps.gates.policy_files import wanted
from apps.gates.queries import RELEASE, newest_release


@transaction.atomic
def release_policy(
    *, by: Person, proposed_by: Person, data: bytes, cases: Cases, name: str = "policy.yaml"
) -> PolicyRelease:
    """Release a policy's bytes; the same bytes again give the same release, other bytes are refused.

    The two people stand together here: the one proposes, the other releases what was proposed.
    """
    require_anywhere(by, Permission.POLICY_RELEASE)
    require_anywhere(proposed_by, Permission.POLICY_PROPOSE)
    guards.two_people(by, proposed_by)
    policy = guards.readable_policy(data, name=name, library=released_library())
    newest = newest_release(policy.id)
    guards.publishes(by, policy, newest)
    earlier = PolicyRelease.objects.filter(policy=policy.id, version=policy.version).first()
    if earlier is not None:
        guards.publishes(proposed_by, policy, newest)
        return guards.unchanged(earlier, data)
    return release_proposal(by=by, proposal=propose_policy(by=proposed_by, data=data, cases=cases, name=name))


@transaction.atomic
def release_proposal(*, by: Person, proposal: PolicyProposal) -> PolicyRelease:
    """Release what another person proposed; what it extends is resolved as it was proposed, for ever."""
    require_anywhere(by, Permission.POLICY_RELEASE)
    guards.two_people(by, proposal.proposed_by)
    guards.genuine(proposal)
    data, cases = bytes(proposal.text), {name: text.encode() for name, text in proposal.cases.items()}
    policy = guards.readable_policy(data, name=str(proposal), library=released_library())
    newest = newest_release(policy.id)
    guards.publishes(by, policy, newest)
    guards.publishes(proposal.proposed_by, policy, newest)
    guards.as_proposed(proposal, policy)
    guards.fits(newest, policy)
    guards.cases_hold(policy, cases)
    guards.fillable(policy, database_now(), (by.identity, proposal.proposed_by.identity))
    return _release(by, proposal, policy, data, cases)


def _release(
    by: Person, proposal: PolicyProposal, policy: Policy, data: bytes, cases: Cases
) -> PolicyRelease:
    statement = audit.seal(
        by=by,
        predicate_type=RELEASE,
        subjects=[Ref("policy", policy.id, f"{policy.id}@{policy.version}", policy.digest)],
        predicate={
            "policy": policy.named(),
            "text": digest(data),
            "cases": {name: digest(cases[name]) for name in sorted(cases)},
            "proposal": proposal.statement_digest,
            "proposedBy": str(proposal.proposed_by_id),
            "releasedBy": str(by.pk),
            "document": policy.document,
        },
        event=EventName.POLICY_RELEASED,
    )
    return PolicyRelease.objects.create(
        policy=policy.id,
        version=policy.version,
        digest=policy.digest,
        text=data,
        document=policy.document,
        effective_from=policy.effective.start,
        effective_until=policy.effective.until,
        proposal=proposal,
        proposed_by=proposal.proposed_by,
        released_by=by,
        statement_digest=statement.digest,
    )


def sync_policies(
    *, by: Person, proposed_by: Person, folder: Path, names: Sequence[str] = ()
) -> list[PolicyRelease]:
    """Release the policies of a folder of folders (`policy.yaml` and `cases/`), those extended first.

    Without names every policy but the packs of regulations, which are released by their names alone.

    Each is released by itself: one that is refused stops none of the others, and all refusals are told.
    """
    made, refusals = [], []
    for found in wanted(folder, names):
        try:
            row = release_policy(
                by=by, proposed_by=proposed_by, data=found.data, cases=found.cases, name=found.name
            )
            made.append(row)
        except Forbidden:
            raise
        except Refused as refusal:
            refusals.append(str(refusal))
    if refusals:
        done = f"{len(made)} policies are released, {len(refusals)} are not."
        raise Refused(" ".join([done, *refusals]), code="not_all_released")
    return made
