"""F18: a thousand runs wait; pages answer as before, and whoever comes later has their turn."""

from __future__ import annotations

import os
import statistics
import time
import urllib.request
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from apps.gates import commands as gates
from apps.gates.clock import database_now
from apps.gates.models import Run
from apps.gates.states import ENDED
from apps.inventory.models import ModelVersion
from tests import factories
from tests.chaos.whole import Whole, patient, whole
from tests.flows import bank

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
FLOOD, PROBES = 1_000, 60


@pytest.fixture(scope="module")
def service(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Whole]:
    with django_db_blocker.unblock(), whole("valkey", COUNTERSIGN_RUN_LEASE_SECONDS="30") as found:
        yield found


def flood(service: Whole, unit: str, times: int) -> list[str]:
    """Runs of one unit, made at once from one that was asked for."""
    version = ModelVersion.objects.get(label=service.labels[0])
    by, use = factories.developer(), bank.use_of(version)
    first = gates.request_run(by=by, version=version, use=use, key=os.urandom(8).hex())
    kept = {
        field.attname: getattr(first, field.attname)
        for field in Run._meta.concrete_fields
        if field.attname not in ("id", "key")
    }
    kept |= {"unit_key": unit, "published_at": None, "hints": 0}
    made = Run.objects.bulk_create(Run(key=f"flood:{os.urandom(8).hex()}", **kept) for _ in range(times))
    return [str(run.pk) for run in made]


def p95(service: Whole) -> float:
    """How long a page takes, most of the time."""
    found = []
    for _ in range(PROBES):
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            f"{service.stack.address}/api/v1/models", headers={"Authorization": f"Bearer {service.token}"}
        )
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            answer.read()
        found.append(time.perf_counter() - began)
        service.stack.tend()
    return statistics.quantiles(found, n=20)[-1]


def test_a_long_queue_slows_no_page_and_starves_nobody(service: Whole) -> None:
    flood(service, "retail", 12)
    service.stack.until(lambda: patient(Run.objects.filter(state="running").exists), patience=90)
    before = p95(service)  # the workers are busy then, too
    flood(service, "retail", FLOOD)
    during = p95(service)
    assert during <= 2 * before + 0.2, (before, during)
    asked_at = patient(database_now)
    late = flood(service, "treasury", 3)
    left = Run.objects.filter(pk__in=late).exclude(state__in=ENDED)
    service.stack.until(lambda: not patient(left.exists), patience=240)
    begun = Run.objects.filter(started_at__gt=asked_at).order_by("started_at")
    units = list(begun.values_list("unit_key", flat=True)[:12])
    assert units.count("treasury") == len(late), units
    assert Run.objects.filter(state="queued", unit_key="retail").count() > FLOOD / 2
