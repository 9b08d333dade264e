"""Processes are killed while runs are asked for: what was acknowledged is stored and decided, once."""

from __future__ import annotations

import os

import pytest
from django.core.management import call_command

from apps.access import commands as access
from apps.audit.models import Event
from apps.costs.models import CostEntry
from apps.gates.models import Decision, Run
from apps.gates.states import ENDED, RunState
from tests import factories
from tests.chaos.schedule import FAULTS, Client, storm
from tests.flows import bank
from tests.stack import LiveStack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]


@pytest.fixture(scope="module")
def client(bank_stack: LiveStack) -> Client:
    dev = factories.developer()
    token = access.issue_token(by=dev, person=dev, name="chaos", scopes=("model.see", "run.request"))[1]
    return Client(bank_stack.address, token)


def survive(stack: LiveStack, client: Client, *, seed: int, faults: list[str]) -> None:
    labels = [f"{seed}-{number}" for number in range(len(faults) + 2)]
    for label in labels:
        bank.version(label=label)
    storm(stack, client, labels, seed=seed, faults=faults)
    runs = Run.objects.filter(pk__in=client.acknowledged.values())
    assert runs.count() == len(set(client.acknowledged.values())) > 0, client.answers
    asked = Run.objects.filter(version__label__in=labels)
    stack.until(lambda: not asked.exclude(state__in=ENDED).exists(), patience=120)
    assert {run.state for run in asked} == {RunState.DECIDED}, [(r.state, r.cause) for r in asked]
    exactly_once(list(asked))
    stack.until(lambda: not Event.objects.filter(leaf__isnull=True).exists(), patience=30)
    call_command("audit_fsck")
    assert 500 not in client.answers


def exactly_once(runs: list[Run]) -> None:
    ids = [str(run.pk) for run in runs]
    assert Decision.objects.filter(run__in=runs).count() == len(runs)
    assert CostEntry.objects.filter(run__in=ids).count() == len(runs)
    assert Event.objects.filter(action="run.decided", object_id__in=ids).count() == len(runs)
    assert Event.objects.filter(action="run.requested", object_id__in=ids).count() == len(runs)


def test_a_short_storm(bank_stack: LiveStack, client: Client) -> None:
    survive(bank_stack, client, seed=1, faults=["web", "child", "broker"])


@pytest.mark.parametrize("seed", [2, 3])
def test_a_long_storm(bank_stack: LiveStack, client: Client, seed: int) -> None:
    survive(bank_stack, client, seed=seed, faults=list(FAULTS))
