"""F27: the next release migrates while this one serves; then its code is taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from apps.gates.models import Run
from apps.gates.states import ENDED
from governance.upgrading import concerns, planned
from tests.bench.measuring import ROOT
from tests.chaos.whole import Whole, patient, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
CLIENTS, NEXT = 4, "tests.chaos.next_release"
PLACES = ("/api/v1/models?limit=20", "/api/v1/runs?limit=20", "/api/v1/health/ready")


@dataclass(slots=True)
class Users:
    """Clients who read and ask for runs, one request after the other, until they are told to stop."""

    service: Whole
    answers: list[tuple[str, int]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Users:
        for number in range(CLIENTS):
            threading.Thread(target=self._work, args=(number,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        time.sleep(1)

    def _work(self, number: int) -> None:
        turn = number
        while not self.stop.is_set():
            place = PLACES[turn % len(PLACES)]
            self.answers.append((place, self._read(place)))
            self.answers.append(("run", self._ask()))
            turn += 1

    def _read(self, place: str) -> int:
        return self._send(urllib.request.Request(self.service.stack.address + place))[0]  # noqa: S310

    def _ask(self) -> int:
        body = json.dumps({"model": "credit-pd", "version": "0"}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        place = self.service.stack.address + "/api/v1/runs"
        status, told = self._send(urllib.request.Request(place, data=body, headers=headers))  # noqa: S310
        if status == 202:
            self.accepted.add(json.loads(told)["id"])
        return status

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes]:
        request.add_header("Authorization", f"Bearer {self.service.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""
        except OSError:
            return 0, b""

    def faults(self) -> list[tuple[str, int]]:
        return [found for found in self.answers if found[1] == 0 or found[1] >= 500]


@pytest.fixture
def service(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Whole]:
    with django_db_blocker.unblock(), whole("valkey") as found:
        yield found


def migrated(service: Whole) -> None:
    """The next release's migrations, as the owner, by a process of their own."""
    environment = dict(service.stack.installation.environment) | {
        "DJANGO_SETTINGS_MODULE": f"{NEXT}.settings",
        "COUNTERSIGN_DATABASE_ROLE": "owner",
    }
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    for _ in range(10):  # a table that was in use is asked for again
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        if done.returncode == 0:
            return
        assert "A table was in use" in done.stderr, done.stderr
    raise AssertionError("the tables never came free")


def told_of_faults(service: Whole) -> str:
    """What the log of the web says of errors."""
    lines = (service.stack.installation.places.logs / "web.log").read_text().splitlines()
    return "\n".join(line[-3000:] for line in lines if '"level": "error"' in line)


def columns() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'gates_run'")
        return {name for (name,) in cursor.fetchall()}


def test_the_law_finds_nothing_in_the_next_release() -> None:
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, NEXT]):
        loader = MigrationLoader(None)
        applied = [key for key in planned(loader) if key[0] != "next_release"]
        assert len(planned(loader)) == len(applied) + 6
        assert concerns(loader, applied) == []


def test_migrating_while_it_serves_and_taking_the_code_back(service: Whole) -> None:
    with Users(service) as before_and_after:
        time.sleep(3)
        migrated(service)
        assert "next_weight" in columns()
        time.sleep(3)
    assert before_and_after.faults() == [], told_of_faults(service)
    web = service.stack.pid("web")
    assert web is not None
    os.kill(web, 15)  # the older code starts over the newer tables
    service.stack.until(lambda: service.stack.pid("web") not in (None, web))
    with Users(service) as again:
        service.stack.until(lambda: len(again.accepted) >= CLIENTS, patience=120)
    accepted = before_and_after.accepted | again.accepted
    print(len(before_and_after.answers), len(again.answers), len(accepted))
    asked = Run.objects.filter(pk__in=accepted)
    assert patient(asked.count) == len(accepted)
    service.stack.until(lambda: not patient(asked.exclude(state__in=ENDED).exists), patience=300)
    assert set(asked.values_list("state", flat=True)) == {"decided"}
