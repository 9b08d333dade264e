"""F13: the volume of the database fills up under the running service."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection
from pytest_django import DjangoDbBlocker

from apps.audit.models import Event
from apps.gates.models import Run
from apps.gates.states import ENDED, RunState
from tests.chaos.schedule import Client
from tests.chaos.whole import Whole, patient, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ or os.geteuid() != 0,
        reason="a part of ./countersign test-all, and mounting a small volume needs root",
    ),
]
ROOM_MIB = 24


@contextmanager
def small_volume(service: Whole) -> Iterator[Path]:
    """Move the database's files to a volume in memory with little room beside them."""
    data = service.stack.installation.places.postgres_data
    server = next(s for s in service.stack.installation.supervisor.services if s.name == "PostgreSQL")
    server.stop()
    former = data.with_name("postgres.former")
    data.rename(former)
    told, used = former.stat(), int(subprocess.check_output(["du", "-sm", former]).split()[0])
    data.mkdir()
    size = f"size={used + ROOM_MIB}m,mode=0700,uid={told.st_uid},gid={told.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", data], check=True)
    try:
        subprocess.run(["cp", "-a", f"{former}/.", data], check=True)
        shutil.rmtree(former)
        server.start()
        yield data
    finally:
        server.stop()
        subprocess.run(["umount", "-l", data], check=True)


def fill(volume: Path) -> Path:
    """Write until nothing fits any more."""
    ballast = volume / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(512))
    return ballast


def read(service: Whole, path: str) -> int:
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        f"{service.stack.address}{path}", headers={"Authorization": f"Bearer {service.token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def settled(service: Whole, client: Client) -> None:
    left = Run.objects.exclude(state__in=ENDED)
    service.stack.until(lambda: not patient(left.exists), patience=180)
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.DECIDED}
    assert {str(pk) for pk in Run.objects.values_list("pk", flat=True)} == set(client.acknowledged.values())
    service.stack.until(lambda: not patient(Event.objects.filter(leaf__isnull=True).exists))


def test_a_full_volume_refuses_writes_and_needs_only_room(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), whole("valkey") as service, small_volume(service) as volume:
        client = Client(service.stack.address, service.token)
        connection.close()
        assert client.ask("0", "before") == 202
        settled(service, client)
        ballast, answers = fill(volume), set[int]()
        deadline = time.monotonic() + 90
        while 503 not in answers and time.monotonic() < deadline:
            answers.add(client.ask("0", os.urandom(8).hex()))
            service.stack.tend()
        assert 503 in answers
        assert answers <= {202, 503}
        assert read(service, "/api/v1/runs") == 200
        assert read(service, "/api/v1/models") == 200
        ballast.unlink()
        with suppress(OperationalError, InterfaceError):
            connection.close()
        service.stack.until(lambda: not client.open or (client.again() or not client.open), patience=90)
        settled(service, client)
        call_command("audit_fsck")
