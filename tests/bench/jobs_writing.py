"""Jobs: writers to the database."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.registry import job

_WRITERS = 4


@job
def writing(kind: str, count: str) -> dict[str, Any]:
    """Transactions that insert a loan, `kind` audited or plain; all writers begin at a lock of the parent."""
    import django

    django.setup()
    from django.db import connection, transaction

    from apps.audit import commands as audit
    from apps.audit.events import EventName
    from apps.audit.states import Ref, system

    by = system("bench")

    def one(number: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_loan(amount) VALUES (%s)", [number])
            if kind == "audited":
                subject = Ref("model", f"loan-{number}", f"loan {number}")
                audit.record(
                    by=by, action=EventName.MODEL_REGISTERED, subject=subject, after={"amount": number}
                )

    one(0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(7)")
    began = time.time()
    for number in range(int(count)):
        one(number)
    return {"began": began, "ended": time.time(), "count": int(count)}


@job
def staffing() -> dict[str, Any]:
    """Those who register models in `registering`, and their unit."""
    import django

    django.setup()
    from apps.inventory import commands as inventory
    from tests import factories

    inventory.declare_unit(by=factories.administrator(), key="bench", title="Bench")
    factories.developer()
    factories.owner()
    return {}


@job
def registering(kind: str, count: str) -> dict[str, Any]:
    """A command of the service: rights, guards, the model's row and, where `audited`, its event."""
    import uuid

    import django

    django.setup()
    from django.db import connection

    from apps.audit import commands as audit
    from apps.inventory import commands as inventory
    from apps.inventory.models import BusinessUnit
    from tests import factories

    unit, by, owner = BusinessUnit.objects.get(key="bench"), factories.developer(), factories.owner()
    if kind == "plain":
        audit.record = lambda **_: None  # type: ignore[assignment]

    def one() -> None:
        inventory.register_model(
            by=by,
            key=f"m-{uuid.uuid4().hex}",
            title="A model of credit risk",
            kind="classifier",
            unit=unit,
            owner=owner,
            purpose="Consumer loans",
            exposure_eur=1_000_000,
        )

    for _ in range(5):
        one()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock_shared(7)")
    began = time.time()
    for _ in range(int(count)):
        one()
    return {"began": began, "ended": time.time(), "count": int(count)}


@job
def following(rate: str, seconds: str) -> dict[str, Any]:
    """Events of four writers at a steady rate; of every fiftieth, when the log and a witness had it."""
    import django

    django.setup()
    from concurrent.futures import ThreadPoolExecutor

    share, each = int(rate) / _WRITERS, int(rate) * int(seconds) // _WRITERS
    began = time.monotonic()
    with ThreadPoolExecutor(_WRITERS) as writers:
        watched = [
            w for found in writers.map(lambda _: _steadily(share, each), range(_WRITERS)) for w in found
        ]
    took = time.monotonic() - began
    return {"rate": each * _WRITERS / took} | _followed(sorted(watched, key=lambda pair: pair[0]))


def _steadily(rate: float, count: int) -> list[tuple[float, object]]:
    from django.db import connection

    from apps.audit import commands as audit
    from apps.audit.events import EventName
    from apps.audit.states import Ref, system

    by, began = system("bench"), time.monotonic()
    watched: list[tuple[float, object]] = []
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        subject = Ref("model", f"loan-{number}", f"loan {number}")
        found = audit.record(by=by, action=EventName.MODEL_CHANGED, subject=subject, after={"n": number})
        if number % 50 == 0:
            watched.append((time.time(), found.pk))
    connection.close()
    return watched


def _followed(watched: list[tuple[float, object]]) -> dict[str, float]:
    """When the log held each event, by its first checkpoint, and a witness the same, by what the rows say."""
    from apps.audit.models import Checkpoint, Cosignature, Leaf

    deadline, late = time.monotonic() + 60, [event for _, event in watched[-2 * _WRITERS :]]
    while Leaf.objects.filter(event_id__in=late).count() < len(late) or not _covered(late):
        assert time.monotonic() < deadline, "no witness came so far"
        time.sleep(0.1)
    waits: dict[str, list[float]] = {"included": [], "witnessed": []}
    for at, event in watched:
        size = Leaf.objects.get(event_id=event).idx + 1
        first = Checkpoint.objects.filter(size__gte=size).earliest("at")
        seen = Cosignature.objects.filter(size__gte=size).earliest("size").size
        waits["included"].append(first.at.timestamp() - at)
        waits["witnessed"].append(_asked(seen) - at)
    return {name: sorted(found)[int(len(found) * 0.99)] for name, found in waits.items()}


def _covered(events: list[object]) -> bool:
    from apps.audit.models import Cosignature, Leaf

    newest = Leaf.objects.filter(event_id__in=events).latest("idx").idx
    return Cosignature.objects.filter(size__gt=newest).exists()


def _asked(size: int) -> float:
    """When a witness's line for a checkpoint was kept, at the latest: its own time has whole seconds."""
    from apps.audit.models import Cosignature

    return Cosignature.objects.filter(size=size).latest("at").at.timestamp() + 1


@job
def verifying(count: str) -> dict[str, Any]:
    """Check a pack of so many events with the separate verifier."""
    import contextlib
    import io
    import json
    import tempfile
    from pathlib import Path

    from apps.engine.merkle import CompactRange, leaf_hash
    from tests.verifier.both import verifier
    from tests.verifier.making import AT, Making

    made, grown = Making(), CompactRange()
    made.grow(int(count))
    for body in made.events:
        grown.append(leaf_hash(body))
    made.root = lambda size: grown.root()  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        place = made.write(Path(folder) / "pack.zip")
        keys = Path(folder) / "keys.json"
        keys.write_text(json.dumps(made.keys.as_json()))
        begin = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            code = verifier([str(place), "--keys", str(keys), "--at", AT])
        took = time.process_time() - begin
    assert code == 0
    return {"rows": int(count), "cpu": took}
