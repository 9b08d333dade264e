"""Offering a policy for release: checked, tried, compared and replayed before a second person sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.access.guards import require_anywhere
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import digest
from apps.engine.policy import Policy
from apps.engine.policy.diff import diff
from apps.engine.trial.mutate import mutants
from apps.gates import guards, queries
from apps.gates.clock import database_now
from apps.gates.impacts import released_library, replayed
from apps.gates.models import PolicyProposal
from apps.gates.quorum import blocked_by
from apps.gates.sharing import used_by
from apps.inventory.models import RegisteredModel

Cases = Mapping[str, bytes]


@transaction.atomic
def propose_policy(
    *, by: Person, data: bytes, cases: Cases, note: str = "", name: str = "policy.yaml"
) -> PolicyProposal:
    """Offer a policy's bytes with their cases; refused where they could not be released.

    What lint, cases and mutation found, the difference in words and the impact on every model are
    worked out now and sealed: whoever releases it sees what was seen here.
    """
    require_anywhere(by, Permission.POLICY_PROPOSE)
    policy = guards.readable_policy(data, name=name, library=released_library())
    newest = queries.newest_release(policy.id)
    guards.publishes(by, policy, newest)
    guards.fits(newest, policy)
    guards.known_signers(policy)
    tried = guards.cases_hold(policy, cases)
    return _offer(by, policy, data, cases, note=note.strip(), shown=_shown(by, policy, tried))


def _shown(by: Person, policy: Policy, tried: int) -> dict[str, Any]:
    """What a second person must have seen before releasing it."""
    before, now = queries.newest_release(policy.id), database_now()
    changes = [] if before is None else [str(c) for c in diff(queries.policy_of(before), policy)]
    return {
        "cases": tried,
        "weakenings": sum(1 for _ in mutants(policy)),
        "replaces": None if before is None else str(before),
        "changes": changes,
        "impact": replayed(RegisteredModel.objects.all(), draft=policy, now=now).as_json(),
        "used_by": [one.as_json() for one in used_by(policy.id, policy)],
        "quorum": [one.as_json() for one in blocked_by(policy, now, (by.identity,))],
    }


def _offer(
    by: Person, policy: Policy, data: bytes, cases: Cases, *, note: str, shown: Mapping[str, Any]
) -> PolicyProposal:
    statement = audit.seal(
        by=by,
        predicate_type=queries.PROPOSAL,
        subjects=[Ref("policy", policy.id, f"{policy.id}@{policy.version}", policy.digest)],
        predicate={
            "policy": policy.named(),
            "text": digest(data),
            "cases": {name: digest(cases[name]) for name in sorted(cases)},
            "note": note,
            "shown": shown,
            "proposedBy": str(by.pk),
        },
        event=EventName.POLICY_PROPOSED,
    )
    return PolicyProposal.objects.create(
        policy=policy.id,
        version=policy.version,
        digest=policy.digest,
        text=data,
        cases={name: cases[name].decode() for name in sorted(cases)},
        note=note,
        shown=shown,
        proposed_by=by,
        statement_digest=statement.digest,
    )
