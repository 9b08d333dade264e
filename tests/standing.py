"""A bank that stands for a whole file of tests: built once, and taken down by one rollback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from apps.access import commands as access
from apps.access.models import Person
from apps.access.queries import held_anywhere
from apps.access.states import PERSONAL, ROLES
from apps.approvals import commands as approvals
from apps.approvals.models import Approval, Finding, WaiverRequest
from apps.deploys.commands import admit
from apps.deploys.models import Admission
from apps.gates.commands import request_run
from apps.gates.models import Decision, Run
from apps.reports.models import Report
from tests import factories
from tests.flows import bank


@dataclass(frozen=True, slots=True)
class Standing:
    """A granted version, one that waits for its reviewers, one that failed, and what belongs to them."""

    people: dict[str, Person]
    tokens: dict[str, str]
    granted: Approval
    waiting: Approval
    failed: Decision
    finding: Finding
    waiver: WaiverRequest
    queued: Run
    report: Report
    admission: Admission


@contextmanager
def standing(blocker: DjangoDbBlocker) -> Iterator[Standing]:
    """Build it in a transaction that is never committed, with keys and files in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, blocker.unblock(), bank.state_in(Path(folder)):
        outer = transaction.atomic()
        outer.__enter__()
        try:
            yield _build()
        finally:
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)


def _build() -> Standing:
    people = {role: _holder(role) for role in ROLES if role != "pipeline"}
    people |= {"pipeline": factories.service(), "elsewhere": _elsewhere()}
    bank.policies()
    bank.production()
    granted = bank.granted(bank.submitted(bank.version("credit-pd", "1")))
    waiting = bank.submitted(bank.version("credit-pd", "2", rows=500))
    failing = bank.version("card-limit", "1", rows=60)
    failed = bank.decided(failing)
    finding = approvals.open_finding(
        by=people["validator"],
        model=failing.model,
        title="The sample is small",
        severity="high",
        due=timezone.now().date() + timedelta(days=30),
        detail="Only 60 rows in the holdout.",
    )
    return Standing(
        people=people,
        tokens={role: token(person) for role, person in people.items() if _may_hold_token(person)},
        granted=granted,
        waiting=waiting,
        failed=failed,
        finding=finding,
        waiver=_asked(failed, finding),
        queued=request_run(by=people["developer"], version=failing, use=bank.use_of(failing)),
        report=bank.reported(granted, signers=(people["validator"],)),
        admission=admit(by=people["pipeline"], model="credit-pd", version="1", environment="production"),
    )


_NAMES = {
    "developer": "dev",
    "owner": "owner",
    "validator": "val",
    "risk-officer": "risk",
    "head-of-model-risk": "head",
}


def _holder(role: str) -> Person:
    return factories.person(_NAMES.get(role, f"a-{role}"), role)


def _elsewhere() -> Person:
    factories.unit("markets")
    return factories.person("elsewhere", "risk-officer", scope="unit", key="markets")


def _may_hold_token(person: Person) -> bool:
    return person.is_service or "token.issue" in held_anywhere(person)


def token(person: Person, *, days: int = 90) -> str:
    """A token with everything that the person may let it carry."""
    issuer = factories.administrator() if person.is_service else person
    scopes = held_anywhere(person) - PERSONAL
    scopes = scopes or {"environment.declare"}
    return access.issue_token(by=issuer, person=person, name="for tests", scopes=scopes, days=days)[1]


def _asked(decision: Decision, finding: Finding) -> WaiverRequest:
    open_gates = [
        g for g in decision.document["gates"] if g["enforcement"] == "waivable" and g["outcome"] != "pass"
    ]
    return approvals.request_waiver(
        by=factories.developer(),
        decision=decision,
        gate=open_gates[0]["id"],
        finding=finding,
        rationale="More rows come next month.",
        compensating_control="A person looks at each refusal.",
        remediation_due=timezone.now().date() + timedelta(days=20),
        valid_to=timezone.now() + timedelta(days=25),
    )
