"""How the installation stands, part by part: green, amber or red, and what to do about it."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apps.audit.anchoring.standing import Colour
from apps.audit.anchoring.standing import standing as log_standing
from apps.audit.queries import keys
from apps.deploys.watching.numbers import idle_share, workers
from apps.engine.version import ENGINE_VERSION
from apps.gates.models import Run
from apps.gates.states import RunState

SKEW_AMBER, SKEW_RED = 2.0, 30.0
WAIT_AMBER, WAIT_RED = timedelta(minutes=5), timedelta(hours=1)
ROOM_AMBER, ROOM_RED = 0.15, 0.05
BROKER_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the installation: how it is, what was seen, what to do."""

    name: str
    colour: Colour
    seen: str
    do: str = ""


def parts() -> list[Part]:
    """Every part; one that cannot be looked at is red, and says so."""
    return [_looked_at(name, look) for name, look in _LOOKS.items()]


def _looked_at(name: str, look: Callable[[], Part]) -> Part:
    try:
        return look()
    except Exception as error:  # a page on what is broken must not break
        return Part(name, Colour.RED, f"It could not be looked at ({type(error).__name__}).", "See the log.")


def hindrances() -> list[str]:
    """Why requests cannot be served now: the parts that everything needs. Empty where it is ready."""
    found = (_looked_at(name, _LOOKS[name]) for name in NEEDED)
    return [part.name for part in found if part.colour == Colour.RED]


def _versions() -> Part:
    told = f"engine {ENGINE_VERSION}, Django {django.get_version()}, PostgreSQL {_postgres()}"
    return Part("versions", Colour.GREEN, told)


def _postgres() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _database() -> Part:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    took = (time.monotonic() - began) * 1000
    return Part("database", Colour.GREEN, f"answers in {took:.1f} ms")


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not waiting:
        return Part("migrations", Colour.GREEN, "all applied")
    names = ", ".join(f"{m.app_label}.{m.name}" for m, _ in waiting[:5])
    return Part("migrations", Colour.RED, f"{len(waiting)} not applied: {names}", "Run manage.py migrate.")


def _clocks() -> Part:
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    middle = before + (timezone.now() - before) / 2
    skew = abs((there - middle).total_seconds())
    colour = Colour.RED if skew > SKEW_RED else Colour.AMBER if skew > SKEW_AMBER else Colour.GREEN
    do = "" if colour == Colour.GREEN else "Let both machines follow the same time server."
    return Part("clocks", colour, f"the web and the database differ by {skew:.2f} s", do)


def _log() -> Part:
    found = log_standing()
    do = "" if found.colour == Colour.GREEN else "See the page on the log's health."
    return Part("log and witnesses", found.colour, found.sentence, do)


def _workers() -> Part:
    seen, idle = workers(), idle_share()
    waiting = Run.objects.filter(state=RunState.QUEUED, not_before=None)
    oldest = waiting.order_by("requested_at").values_list("requested_at", flat=True).first()
    wait = timedelta(0) if oldest is None else timezone.now() - oldest
    colour = Colour.RED if wait > WAIT_RED else Colour.AMBER if wait > WAIT_AMBER else Colour.GREEN
    told = f"{sum(worker.here for worker in seen)} here, {waiting.count()} runs may begin"
    told += "" if idle is None else f", {idle:.0%} idle"
    do = "" if colour == Colour.GREEN else "Start workers for the lanes that wait; see the queue."
    return Part("workers and queue", colour, told, do)


def _broker() -> Part:
    url = urlsplit(str(settings.CELERY_BROKER_URL))
    kind = url.scheme.partition("+")[0]
    try:
        _reach(url.scheme, url.hostname or "", url.port, url.path)
    except OSError as error:
        told = f"{kind} does not answer ({error.strerror or type(error).__name__})"
        return Part("broker", Colour.AMBER, told, "Runs wait and are sent once it is back; start it.")
    return Part("broker", Colour.GREEN, f"{kind} answers")


def _reach(scheme: str, host: str, port: int | None, path: str) -> None:
    if scheme.endswith("+socket") or not host:
        with socket.socket(socket.AF_UNIX) as there:
            there.settimeout(BROKER_PATIENCE)
            there.connect(path)
        return
    usual = 5672 if scheme.startswith("amqp") else 6379
    socket.create_connection((host, port or usual), BROKER_PATIENCE).close()


def _disk() -> Part:
    place = Path(settings.STATE)
    usage = shutil.disk_usage(place if place.exists() else place.anchor)
    free = usage.free / usage.total
    colour = Colour.RED if free < ROOM_RED else Colour.AMBER if free < ROOM_AMBER else Colour.GREEN
    do = "" if colour == Colour.GREEN else "Make room, or sweep bytes that nothing names."
    return Part("disk", colour, f"{usage.free / 2**30:.1f} GiB free, {free:.0%} of it", do)


def _keys() -> Part:
    count = len(keys().records)
    if not count:
        return Part("signing keys", Colour.RED, "there is none", "Run manage.py keys.")
    return Part("signing keys", Colour.GREEN, f"{count} known")


_LOOKS: dict[str, Callable[[], Part]] = {
    "versions": _versions,
    "database": _database,
    "migrations": _migrations,
    "clocks": _clocks,
    "log and witnesses": _log,
    "workers and queue": _workers,
    "broker": _broker,
    "disk": _disk,
    "signing keys": _keys,
}
# Without these no request can be served; the rest may be away for a while.
NEEDED = ("database", "migrations", "signing keys")


def gravest(found: list[Part]) -> Iterator[Part]:
    """The parts that are not green, the gravest first."""
    order = [Colour.RED, Colour.AMBER]
    yield from sorted((p for p in found if p.colour in order), key=lambda p: order.index(p.colour))
