"""Processes are killed while runs are asked for: what was acknowledged is stored and decided, once.

On each broker that is present. The judge is the client's own log of what was acknowledged.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Q, QuerySet
from pytest_django import DjangoDbBlocker

from apps.audit.models import Event
from apps.costs.models import CostEntry
from apps.costs.states import Outcome
from apps.gates.models import Decision, Partition, Run
from apps.gates.states import ENDED, PartitionState, RunState
from tests.chaos.brokers import present
from tests.chaos.schedule import Client, calm, storm
from tests.chaos.whole import PARTS, Whole, patient, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
KILLS = int(os.environ.get("COUNTERSIGN_CHAOS_KILLS", "30"))
RECORD = os.environ.get("COUNTERSIGN_CHAOS_RECORD", "")


@pytest.fixture(scope="module", params=present())
def everything(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Whole]:
    with django_db_blocker.unblock(), whole(request.param) as found:
        yield found


@pytest.mark.parametrize("seed", [11])
def test_a_storm_loses_and_doubles_nothing(everything: Whole, request, seed: int) -> None:
    client = Client(everything.stack.address, everything.token)
    struck = storm(everything, client, seed=seed, kills=KILLS)
    ended = time.monotonic()
    settle(everything, client)
    took = time.monotonic() - ended
    note(request.node.callspec.id, struck, client, took)
    assert struck.total() == KILLS, struck
    assert (client.open, client.changed) == ({}, [])
    assert 500 not in client.answers, client.answers
    judge(client)
    call_command("audit_fsck")


def settle(everything: Whole, client: Client) -> None:
    """Let everything come up again and wait for the last run."""
    deadline = time.monotonic() + 900
    asked = Run.objects.exclude(state__in=ENDED)
    unsealed = Event.objects.filter(leaf__isnull=True)
    while patient(asked.exists) or patient(unsealed.exists):
        assert time.monotonic() < deadline, (client.open, list(asked), everything.stack.last_words())
        calm(everything)
        time.sleep(0.2)


def judge(client: Client) -> None:
    """Each acknowledged request is one run, decided once, with one of each thing that a decision leaves."""
    told = list(client.acknowledged.values())
    assert len(set(told)) == len(told) > 0
    runs = list(Run.objects.all())
    assert {str(run.pk) for run in runs} == set(told)
    assert {run.state for run in runs} == {RunState.DECIDED}, [(r.state, r.cause) for r in runs]
    assert Decision.objects.count() == len(told)
    entered = CostEntry.objects.filter(run__in=told)
    assert entered.filter(outcome=Outcome.DECIDED).count() == len(told)
    assert entered.values("run", "partition", "fence").distinct().count() == entered.count()
    for action in ("run.requested", "run.decided"):
        assert Event.objects.filter(action=action, object_id__in=told).count() == len(told)
    parts = Partition.objects.filter(run__in=told)
    assert {part.state for part in parts} <= {PartitionState.MEASURED}, [(p.state, p.cause) for p in parts]
    assert parts.count() == PARTS * runs_in_parts(runs)
    measured = Event.objects.filter(action="partition.measured")
    assert measured.count() == parts.count() == len({part.statement_digest for part in parts})
    charged(told, parts)
    assert not Run.objects.filter(Q(lost__gte=10) | Q(attempt__gte=3)).exists()


def charged(told: list[str], parts: QuerySet[Partition]) -> None:
    """Each attempt is on the bill, once, whatever became of it; each partition was measured once."""
    of_runs = CostEntry.objects.filter(run__in=told, partition=None)
    of_parts = CostEntry.objects.filter(partition__in=parts.values("pk"))
    assert of_parts.filter(outcome=Outcome.MEASURED).count() == parts.count()
    assert of_runs.count() == sum(Run.objects.values_list("fence", flat=True))
    assert of_parts.count() == sum(parts.values_list("fence", flat=True))
    assert of_runs.filter(outcome=Outcome.LOST).count() == sum(Run.objects.values_list("lost", flat=True))
    assert of_parts.filter(outcome=Outcome.LOST).count() == sum(parts.values_list("lost", flat=True))


def runs_in_parts(runs: list[Run]) -> int:
    return sum(run.version.label == "parts" for run in runs)


def note(name: str, struck: dict[str, int], client: Client, seconds: float) -> None:
    """One line for the table of docs/chaos.md."""
    line = {
        "case": name,
        "kills": sum(struck.values()),
        "faults": dict(sorted(struck.items())),
        "acknowledged": len(client.acknowledged),
        "answers": {str(status): count for status, count in sorted(client.answers.items())},
        "in_parts": runs_in_parts(list(Run.objects.all())),
        "lost_leases": sum(Run.objects.values_list("lost", flat=True)),
        "lost_partitions": sum(Partition.objects.values_list("lost", flat=True)),
        "handed_over": Event.objects.filter(action="run.returned").count(),
        "most_lost": max(Run.objects.values_list("lost", flat=True), default=0),
        "settled_after_s": round(seconds, 1),
    }
    print(json.dumps(line))
    if RECORD:
        with Path(RECORD).open("a") as file:
            file.write(json.dumps(line) + "\n")
