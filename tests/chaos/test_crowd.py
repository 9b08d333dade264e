"""A22: ten times as many ask as can be served. Some are told to come again, nothing accepted is lost."""

from __future__ import annotations

import json
import os
import statistics
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from pytest_django import DjangoDbBlocker

from apps.gates.models import Run
from apps.gates.states import ENDED
from tests.chaos.whole import Whole, patient, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
FEW, SECONDS, WAIT_S = 8, 12, 1  # eight threads serve


@dataclass(slots=True)
class Crowd:
    """So many clients at once, each asking again as soon as it was answered."""

    service: Whole
    answers: list[tuple[int, float, bool]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    end: float = 0.0

    def come(self, clients: int, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask, args=(i,), daemon=True) for i in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                self.service.stack.tend()
                thread.join(0.1)

    def _ask(self, number: int) -> None:
        while time.monotonic() < self.end:
            began = time.perf_counter()
            status, again = self._one(submits=number % 16 == 0)
            self.answers.append((status, time.perf_counter() - began, again))
            if status == 429:
                time.sleep(0.5)

    def _one(self, *, submits: bool) -> tuple[int, bool]:
        headers = {"Authorization": f"Bearer {self.service.token}", "Idempotency-Key": str(uuid.uuid4())}
        data, place = None, "/api/v1/models?limit=50"
        if submits:
            data, place = json.dumps({"model": "credit-pd", "version": "0"}).encode(), "/api/v1/runs"
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.service.stack.address + place, data=data, headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                if submits:
                    self.accepted.add(json.loads(answer.read())["id"])
                return answer.status, False
        except urllib.error.HTTPError as error:
            return error.code, "Retry-After" in error.headers
        except OSError:
            return 0, False

    def p99(self) -> float:
        taken = [seconds for status, seconds, _ in self.answers if status < 300]
        return statistics.quantiles(taken, n=100)[-1]


@pytest.fixture(scope="module")
def service(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Whole]:
    waits = {"COUNTERSIGN_LONGEST_WAIT_SECONDS": str(WAIT_S), "COUNTERSIGN_RUN_LEASE_SECONDS": "30"}
    with django_db_blocker.unblock(), whole("valkey", **waits) as found:
        yield found


def test_a_crowd_is_told_to_come_again_and_loses_nothing(service: Whole) -> None:
    few = Crowd(service)
    few.come(FEW, SECONDS / 3)
    crowd = Crowd(service)
    crowd.come(10 * FEW, SECONDS)
    told = [status for status, *_ in crowd.answers]
    print({status: told.count(status) for status in sorted(set(told))}, few.p99(), crowd.p99())
    assert set(told) <= {200, 202, 429}, {status: told.count(status) for status in set(told)}
    assert all(again for status, _, again in crowd.answers if status == 429)
    assert crowd.accepted
    served = sum(status < 300 for status in told) / SECONDS
    assert served >= 0.5 * sum(status < 300 for status, *_ in few.answers) / (SECONDS / 3)
    assert crowd.p99() <= WAIT_S + 10 * max(few.p99(), 0.2), (few.p99(), crowd.p99())
    asked = Run.objects.filter(pk__in=crowd.accepted | few.accepted)
    assert patient(asked.count) == len(crowd.accepted | few.accepted)
    service.stack.until(lambda: not patient(asked.exclude(state__in=ENDED).exists), patience=240)
    assert set(asked.values_list("state", flat=True)) == {"decided"}
    after = Crowd(service)
    after.come(FEW, SECONDS / 3)
    assert {status for status, *_ in after.answers} <= {200, 202}
