"""Single faults with the real processes: what each may cost, and what it must not."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import InterfaceError, OperationalError, connection
from pytest_django import DjangoDbBlocker

from apps.audit.models import Event
from apps.gates import commands as gates
from apps.gates.models import Decision, Run
from apps.gates.states import ENDED, RunState
from apps.inventory.models import ModelVersion
from tests import factories
from tests.chaos.schedule import Client, _working, freeze
from tests.chaos.whole import LEASE_S, Whole, patient, whole
from tests.flows import bank

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
BUSY_S = 30  # what a loaded machine may take beyond the design's own limits


@pytest.fixture(scope="module")
def service(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Whole]:
    with django_db_blocker.unblock(), whole("valkey", COUNTERSIGN_DRAIN_SECONDS="2") as found:
        yield found


@pytest.fixture
def client(service: Whole) -> Client:
    return Client(service.stack.address, service.token)


def asked(client: Client, service: Whole, times: int) -> list[str]:
    """Runs that the service acknowledged."""
    for number in range(times):
        assert client.ask(service.labels[number % len(service.labels)], os.urandom(8).hex()) == 202
    return list(client.acknowledged.values())[-times:]


def decided(service: Whole, ids: list[str], patience: float = 120) -> float:
    """Wait until all are decided, each once; how long it took."""
    began = time.monotonic()
    left = Run.objects.filter(pk__in=ids).exclude(state__in=ENDED)
    service.stack.until(lambda: not patient(left.exists), patience=patience)
    assert set(Run.objects.filter(pk__in=ids).values_list("state", flat=True)) == {RunState.DECIDED}
    assert Decision.objects.filter(run__in=ids).count() == len(ids)
    return time.monotonic() - began


def answers() -> bool:
    """Whether the database does."""
    try:
        return Run.objects.count() >= 0
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def at_work(service: Whole, ids: list[str]) -> None:
    rows = Run.objects.filter(pk__in=ids, state=RunState.RUNNING)
    service.stack.until(rows.exists, patience=60)


def stop_workers(service: Whole, number: signal.Signals) -> None:
    for name in ("worker-quick", "worker-heavy"):
        pid = service.stack.pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, number)


def test_a_run_whose_message_was_never_sent_is_begun_by_the_relay(service: Whole) -> None:
    """F02: what asks for it here reaches no broker, as a web process killed after its COMMIT."""
    version = ModelVersion.objects.get(label=service.labels[0])
    run = gates.request_run(by=factories.developer(), version=version, use=bank.use_of(version))
    decided(service, [str(run.pk)], patience=6 + BUSY_S)


def test_the_answer_that_never_came_is_given_again(service: Whole, client: Client) -> None:
    """F03: the same key after the COMMIT names the same run."""
    key = os.urandom(8).hex()
    assert client.ask(service.labels[0], key) == 202
    assert client.ask(service.labels[0], key) == 202
    assert (
        client.changed,
        Event.objects.filter(object_id=client.acknowledged[key], action="run.requested").count(),
    ) == ([], 1)
    decided(service, list(client.acknowledged.values()))


def test_a_killed_process_of_the_pool_costs_one_lease(service: Whole, client: Client) -> None:
    """F04."""
    ids = asked(client, service, 3)
    at_work(service, ids)
    child = _working()
    assert child is not None
    os.kill(child, signal.SIGKILL)
    assert decided(service, ids) < LEASE_S + 5 + BUSY_S


def test_killed_workers_leave_their_runs_to_the_next(service: Whole, client: Client) -> None:
    """F05: the whole group, with runs in flight."""
    ids = asked(client, service, 4)
    at_work(service, ids)
    stop_workers(service, signal.SIGKILL)
    assert decided(service, ids) < LEASE_S + 5 + BUSY_S
    assert Run.objects.filter(pk__in=ids, lost__gte=1).exists()


def test_a_wiped_broker_loses_no_run(service: Whole, client: Client) -> None:
    """F06: runs wait, the broker forgets all of them, nobody lifts a hand."""
    stop_workers(service, signal.SIGSTOP)
    ids = asked(client, service, 8)
    os.kill(service.stack.pid("Valkey") or 0, signal.SIGKILL)
    time.sleep(0.2)
    service.wipe_broker()
    stop_workers(service, signal.SIGCONT)
    decided(service, ids)


def test_runs_are_accepted_while_the_broker_is_away(service: Whole, client: Client) -> None:
    """F07, shortened: twenty runs in a broker's absence, all done after it comes back."""
    os.kill(service.stack.pid("Valkey") or 0, signal.SIGKILL)
    time.sleep(0.2)
    began = time.monotonic()
    ids = asked(client, service, 20)  # nobody tends meanwhile: it stays away
    assert time.monotonic() - began < 60
    assert Run.objects.filter(pk__in=ids, state=RunState.QUEUED).exists()
    decided(service, ids)


def test_a_database_that_is_away_is_told_and_nothing_is_promised(service: Whole, client: Client) -> None:
    """F08: 503 and when to come back, never a false 202; what was acknowledged is stored."""
    before = asked(client, service, 2)
    os.kill(service.stack.pid("PostgreSQL") or 0, signal.SIGKILL)
    time.sleep(0.3)
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        f"{service.stack.address}/api/v1/runs",
        data=b'{"model": "credit-pd", "version": "0"}',
        headers={"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)  # noqa: S310
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "5")
    service.stack.until(answers)
    assert patient(Run.objects.filter(pk__in=before).count) == 2
    decided(service, before)


def test_a_frozen_worker_writes_nothing_after_its_lease(service: Whole, client: Client) -> None:
    """F15."""
    ids = asked(client, service, 2)
    at_work(service, ids)
    freeze(_working())
    decided(service, ids)
    time.sleep(3)  # the frozen one is awake again by now
    assert Decision.objects.filter(run__in=ids).count() == len(ids)
    assert Event.objects.filter(action="run.decided", object_id__in=ids).count() == len(ids)


def test_a_deploy_hands_over_what_does_not_end_in_time(service: Whole, client: Client) -> None:
    """F20: SIGTERM with runs in flight; no loss is counted, and nobody waits for a lease."""
    ids = asked(client, service, 6)
    at_work(service, ids)
    for name in ("worker-quick", "worker-heavy"):
        os.kill(service.stack.pid(name) or 0, signal.SIGTERM)
    decided(service, ids)
    assert set(Run.objects.filter(pk__in=ids).values_list("lost", flat=True)) == {0}


def test_a_cold_stop_gives_back_at_once(service: Whole, client: Client) -> None:
    """What `serve` does on Ctrl-C: the runs wait again before the lease runs out."""
    ids = asked(client, service, 4)
    at_work(service, ids)
    for name in ("worker-quick", "worker-heavy"):
        os.kill(service.stack.pid(name) or 0, signal.SIGQUIT)
    decided(service, ids)
    assert set(Run.objects.filter(pk__in=ids).values_list("lost", flat=True)) == {0}
    assert Event.objects.filter(action="run.returned", object_id__in=ids).exists()
