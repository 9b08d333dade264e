"""A bank with something in every state: built once a process, and what a test does to it is undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from apps.access import commands as access
from apps.access.models import Person
from apps.access.queries import held_anywhere
from apps.access.states import PERSONAL, ROLES
from apps.approvals import commands as approvals
from apps.approvals.models import Approval, Finding, WaiverRequest
from apps.costs import commands as costs
from apps.deploys.commands import admit
from apps.deploys.commands.running import report_deployment
from apps.deploys.models import Admission, Deployment
from apps.gates.commands import request_run
from apps.gates.models import Decision, Run
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion
from apps.reports.models import Report
from tests import database, factories
from tests.flows import bank
from tests.flows.fixtures import BankDatabase, connected_to, state_in


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
    deployment: Deployment


@pytest.fixture(scope="session")
def standing_bank(
    _template: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BankDatabase, Standing]]:
    """Built once a process, in a database of its own."""
    folder = tmp_path_factory.mktemp("standing")
    place = BankDatabase(f"{_template}_{folder.name}", folder)
    with django_db_blocker.unblock():
        database.drop(place.name)
        database.clone(_template, place.name)
        with connected_to(place.name), state_in(place.folder):
            built = _build()
    yield place, built
    with django_db_blocker.unblock():
        database.drop(place.name)


@pytest.fixture
def world(
    standing_bank: tuple[BankDatabase, Standing], django_db_blocker: DjangoDbBlocker
) -> Iterator[Standing]:
    """The bank as it was built, in a transaction that is undone."""
    place, built = standing_bank
    with (
        django_db_blocker.unblock(),
        connected_to(place.name),
        state_in(place.folder),
        transaction.atomic(),
    ):
        yield _read_again(built)
        transaction.set_rollback(True)


def _read_again(built: Standing) -> Standing:
    """The rows as they are: an earlier test changed its own copies of them."""
    rows = {f.name: getattr(built, f.name) for f in fields(built)}
    fresh = {name: type(row).objects.get(pk=row.pk) for name, row in rows.items() if isinstance(row, Model)}
    people = {role: Person.objects.get(pk=person.pk) for role, person in built.people.items()}
    return replace(built, people=people, **fresh)


def _build() -> Standing:
    people = {role: _holder(role) for role in ROLES if role not in ("pipeline", "directory")}
    people |= {"pipeline": factories.service(), "elsewhere": _elsewhere()}
    people["directory"] = factories.service("entra", "directory")
    bank.policies()
    bank.production()
    costs.set_budget(
        by=people["head-of-model-risk"], unit=factories.unit(), month=timezone.now().date(), amount="1000"
    )
    inventory.propose_scorecard(by=people["model-risk-policy"], data=_next_scorecard())
    granted = bank.granted(bank.submitted(bank.version("credit-pd", "1")))
    waiting = bank.submitted(bank.version("credit-pd", "2", rows=500))
    failing = _unfair()
    failed = bank.decided(failing)
    finding = approvals.open_finding(
        by=people["validator"],
        model=failing.model,
        title="Women are approved far less often",
        severity="high",
        due=timezone.now().date() + timedelta(days=30),
        detail="The selection rate of F is a quarter of that of M.",
    )
    admission = admit(by=people["pipeline"], model="credit-pd", version="1", environment="production")
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
        admission=admission,
        deployment=_running(people["pipeline"], admission),
    )


def _running(by: Person, admission: Admission) -> Deployment:
    """The admitted version in a slot of production."""
    return report_deployment(
        by=by, environment="production", slot="scoring/credit-pd", digest=admission.digest
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


def _next_scorecard() -> bytes:
    return Path(settings.SCORECARD).read_bytes().replace(b"version: 1.1.0", b"version: 1.2.0")


def _unfair() -> ModelVersion:
    """A version whose decisions favour one sex by far."""
    digest = factories.blob(_unfair_table()).digest
    sets = {name: factories.holdout(path=f"{name}.csv") for name in ("holdout", "development")}
    manifest = factories.manifest("card-limit", "1", datasets=sets, contract=bank.CONTRACT)
    made = inventory.register_version(
        by=factories.developer(),
        manifest=yaml.safe_dump(manifest).encode(),
        blobs={"datasets": dict.fromkeys(sets, digest)},
    )
    inventory.assign_tier(by=factories.head(), model=made.model, tier=1, rationale="for a test")
    return made


def _unfair_table(rows: int = 400) -> bytes:
    lines = ["sex,income,pd,defaulted,approved"]
    for i in range(rows):
        score, sex = i * 37 % 100, "F" if i % 2 else "M"
        approved = int(score < (20 if sex == "F" else 80))
        lines.append(f"{sex},{1000 + i},{score / 100:.2f},{int(i * 53 % 100 < score)},{approved}")
    return ("\n".join(lines) + "\n").encode()


def _asked(decision: Decision, finding: Finding) -> WaiverRequest:
    open_gates = [
        g for g in decision.document["gates"] if g["enforcement"] == "waivable" and g["outcome"] != "pass"
    ]
    return approvals.request_waiver(
        by=factories.developer(),
        decision=decision,
        gate=open_gates[0]["id"],
        finding=finding,
        rationale="The threshold is moved next month.",
        compensating_control="A person looks at each refusal.",
        remediation_due=timezone.now().date() + timedelta(days=20),
        valid_to=timezone.now() + timedelta(days=25),
    )
