"""Releasing policies: read strictly, tried on their cases, proposed by one person and released by another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.audit.states import Ref
from apps.engine.canonical import digest
from apps.engine.policy import Policy
from apps.gates import guards
from apps.gates.impacts import released_library
from apps.gates.models import PolicyRelease
from apps.gates.policy_files import policy_folders
from apps.gates.queries import RELEASE

Cases = Mapping[str, bytes]


@transaction.atomic
def release_policy(
    *, by: Person, proposed_by: Person, data: bytes, cases: Cases, name: str = "policy.yaml"
) -> PolicyRelease:
    """Release a policy's bytes; the same bytes again give the same release, other bytes are refused.

    What it extends is looked up among the released policies, and resolved for ever.
    """
    require(by, Permission.POLICY_RELEASE)
    require(proposed_by, Permission.POLICY_PROPOSE)
    guards.two_people(by, proposed_by)
    policy = guards.readable_policy(data, name=name, library=released_library())
    guards.member(by, policy.owner)
    guards.member(proposed_by, policy.owner)
    earlier = PolicyRelease.objects.filter(policy=policy.id, version=policy.version).first()
    if earlier is not None:
        return guards.unchanged(earlier, data)
    guards.cases_hold(policy, cases)
    return _release(by, proposed_by, policy, data, cases)


def _release(by: Person, proposed_by: Person, policy: Policy, data: bytes, cases: Cases) -> PolicyRelease:
    statement = audit.seal(
        by=by,
        predicate_type=RELEASE,
        subjects=[Ref("policy", policy.id, f"{policy.id}@{policy.version}", policy.digest)],
        predicate={
            "policy": policy.named(),
            "text": digest(data),
            "cases": {name: digest(cases[name]) for name in sorted(cases)},
            "proposedBy": str(proposed_by.pk),
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
        proposed_by=proposed_by,
        released_by=by,
        statement_digest=statement.digest,
    )


def sync_policies(*, by: Person, proposed_by: Person, folder: Path) -> list[PolicyRelease]:
    """Release every policy of a folder of folders (`policy.yaml` and `cases/`), those extended first.

    Each is released by itself: a refusal leaves those before it released.
    """
    return [
        release_policy(by=by, proposed_by=proposed_by, data=found.data, cases=found.cases, name=found.name)
        for found in policy_folders(folder)
    ]
