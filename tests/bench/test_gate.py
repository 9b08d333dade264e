"""What reaches the deploy gate: questions of many clients, deliveries; and people who sign at once."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.db import connection

from apps.access import commands as access
from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.approvals.models import Approval, SignOff
from apps.audit.errors import Refused
from apps.deploys import commands as deploys
from tests import factories
from tests.bench.load import Load, Post, load, tool
from tests.bench.measuring import duration, median
from tests.bench.serving import gunicorn
from tests.bench.table import Line, Table
from tests.database import FreshDatabase
from tests.flows import bank

pytestmark = pytest.mark.bench
PART = "The deploy gate: questions, deliveries, people"
CLIENTS, ROUNDS, RIVALS = 64, 3, 8


@pytest.fixture
def site(fresh_bank: FreshDatabase) -> Iterator[str]:
    """The service over a small bank in which a version is approved."""
    bank.granted()
    with gunicorn(fresh_bank.environment() | {"COUNTERSIGN_STATE": str(settings.STATE)}) as url:
        yield url


def test_questions_of_many_clients(table: Table, site: str) -> None:
    pipeline = factories.service()
    issuer = factories.person("issuer", "administrator")
    _, token = access.issue_token(by=issuer, person=pipeline, name="bench", scopes=["admission.ask"])
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    asked = json.dumps({"model": "credit-pd", "version": "1", "environment": "production"})
    post = Post(asked)
    for clients in (1, CLIENTS):
        runs = [
            load(f"{site}/api/v1/admissions", headers, connections=clients, post=post, forgiving=clients > 1)
            for _ in range(ROUNDS)
        ]
        _told(table, runs, f"`POST /api/v1/admissions` decided, signed and stored; {clients} at once")


def test_deliveries_from_elsewhere(table: Table, site: str) -> None:
    row, secrets = deploys.make_integration(
        by=factories.administrator(),
        kind="github",
        name="bench",
        account=factories.service(),
        settings={"app_id": "77"},
        hosts="",
    )
    raw = json.dumps({"zen": "Keep it logically awesome.", "hook_id": 1})
    proof = hmac.new(secrets["webhook"].encode(), raw.encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-Hub-Signature-256": f"sha256={proof}",
    }
    post = Post(raw, numbered="X-GitHub-Delivery")
    address = f"{site}/hooks/github/{row.pk}"
    runs = [load(address, headers, connections=8, post=post) for _ in range(ROUNDS)]
    _told(table, runs, "a delivery from GitHub: proved, stored with its event, answered; 8 at once", most=1.0)


def _told(table: Table, runs: list[Load], what: str, *, most: float | None = None) -> None:
    rate, half, slowest = (median([one(run) for run in runs]) for one in (_rate, _half, _most))
    later = sum(run.refused for run in runs)
    note = f"; {later} told to come again" if later else ""
    waits = f"half within {duration(half)}, 99 of 100 within {duration(slowest)}"
    table.add(
        Line(
            part=PART,
            what=f"{what} ({tool()}, on the same cores)",
            ours=f"{rate:,.0f} a second; {waits}{note}",
            goal="told" if most is None else f"99 of 100 within {duration(most)}",
            met="" if most is None else "yes" if slowest <= most else "no: time",
        )
    )


def _rate(run: Load) -> float:
    return run.rate


def _half(run: Load) -> float:
    return run.half


def _most(run: Load) -> float:
    return run.most


def test_people_who_sign_at_once(table: Table, fresh_bank: FreshDatabase) -> None:
    """Each round is another submission; of eight people of one step exactly one signs."""
    people = [factories.person(f"rival-{n}", "validator") for n in range(RIVALS)]
    alone, together = [], []
    for _ in range(ROUNDS + 1):
        alone.append(_signing(people[:1]))
        together.append(_signing(people))
    one, many = median(alone[1:]), median(together[1:])
    table.add(
        Line(
            part=PART,
            what=f"{RIVALS} people sign the same step in the same moment: exactly one wins, all are answered",
            ours=f"{duration(many)}; {RIVALS / many:,.0f} clicks a second",
            peer="one person alone",
            theirs=duration(one),
            ratio=f"{one / many:.2f}",
            goal="one wins",
            met="yes",
        )
    )


def _signing(people: list[Person]) -> float:
    approval = bank.submitted()
    before = SignOff.objects.count()
    refused, seconds = _at_once([_act(approval, by) for by in people])
    assert SignOff.objects.count() == before + 1
    assert refused == len(people) - 1
    approvals.withdraw(by=factories.developer(), approval=approval, reason="for a measurement")
    return seconds


def _act(approval: Approval, by: Person) -> Callable[[], object]:
    return lambda: bank.signed(approval, by)


def _at_once(acts: list[Callable[[], object]]) -> tuple[int, float]:
    """How many were refused, and the seconds until all were answered."""
    barrier, refused = threading.Barrier(len(acts) + 1), list[Refused]()

    def play(act: Callable[[], object]) -> None:
        connection.ensure_connection()
        barrier.wait(timeout=30)
        try:
            act()
        except Refused as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=play, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    barrier.wait(timeout=30)
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return len(refused), time.perf_counter() - began
