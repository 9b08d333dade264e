"""The service over a real database: answers of the deploy gate, the list of models, what the record costs."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access import commands as access
from apps.deploys.commands import admit
from apps.inventory.models import ModelVersion, RegisteredModel, Tiering
from apps.inventory.queries import model_page
from tests import factories
from tests.bench.load import requests_per_second, tool
from tests.bench.measuring import ROOT, duration, median, named, seconds_of, times
from tests.bench.table import Line, Table
from tests.database import FreshDatabase
from tests.flows.bank import production, state_in

pytestmark = pytest.mark.bench
READING, LISTING, WRITING = (
    "The deploy gate: reading an answer",
    "A page of 50 of 10,000 models",
    "What the record costs",
)
MODELS, WRITERS, EACH = 10_000, 8, 150
Row = TypeVar("Row", RegisteredModel, ModelVersion)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path) -> Iterator[Path]:
    """Keys and files of this run alone."""
    with state_in(tmp_path):
        yield tmp_path


@contextmanager
def gunicorn(environment: Mapping[str, str]) -> Iterator[str]:
    """Two processes of four threads, as `serve` starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "gunicorn", "governance.wsgi:application", "--bind", f"127.0.0.1:{port}"),
        *("--workers", "2", "--threads", "4", "--no-control-socket", "--log-level", "error"),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log)
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("gunicorn does not answer")


def test_reading_an_answer(table: Table, fresh_database: FreshDatabase, state_folder: Path):
    production()
    factories.unit()
    admission = admit(by=factories.service(), model="nobody", version="1", environment="production")
    _, token = access.issue_token(
        by=factories.person("issuer", "administrator"),
        person=factories.service(),
        name="bench",
        scopes=["admission.see"],
    )
    base = fresh_database.environment() | {"COUNTERSIGN_STATE": str(state_folder)}
    empty = base | {"DJANGO_SETTINGS_MODULE": "tests.bench.empty_settings"}
    path, headers = f"/api/v1/admissions/{admission.pk}", {"Authorization": f"Bearer {token}"}
    found: dict[str, list[float]] = {"ours": [], "empty": []}
    with ExitStack() as stack:
        ours, peer = stack.enter_context(gunicorn(base)), stack.enter_context(gunicorn(empty))
        for _ in range(6):
            found["ours"].append(requests_per_second(ours + path, headers))
            found["empty"].append(requests_per_second(peer + "/", {}))
    one, other = (median(found[key][1:]) for key in ("ours", "empty"))
    with CaptureQueriesContext(connection) as log:
        answer = Client().get(path, headers=headers)
        asked = len(log)
    assert answer.status_code == 200
    table.add(
        Line(
            part=READING,
            what=f"`GET /api/v1/admissions/{{id}}` with a token, queries: {asked} ({tool()})",
            ours=f"{one:,.0f} requests/s",
            peer=f"an empty view without middleware, {named('Django', 'gunicorn')}",
            theirs=f"{other:,.0f} requests/s",
            ratio=times(one / other),
        )
    )


def test_a_page_of_models(table: Table, fresh_database: FreshDatabase):
    by = factories.risk_officer()
    _fill()
    with CaptureQueriesContext(connection) as log:
        page = model_page(by)
        asked = len(log)
    assert len(page.rows) == 50
    ours = seconds_of(lambda: model_page(by), 15)
    plain = seconds_of(_plain, 15)
    client = Client()
    client.force_login(by)
    with CaptureQueriesContext(connection) as log:
        assert client.get("/models").status_code == 200
        shown = len(log)
    html = seconds_of(lambda: client.get("/models"), 9)
    peer = f"{named('Django')} values() of two columns, no rights, no tier"
    for what, seconds in (
        (f"the read with rights, tier and newest version, queries: {asked}", ours),
        (f"the whole HTML page of a signed-in person, queries: {shown}", html),
    ):
        table.add(
            Line(
                part=LISTING,
                what=what,
                ours=duration(seconds),
                peer=peer,
                theirs=duration(plain),
                ratio=times(seconds / plain),
            )
        )
    assert asked <= 4
    assert shown <= 25


def _plain() -> object:
    return list(RegisteredModel.objects.order_by("key").values("key", "title")[:50])


def _fill() -> None:
    """Ten thousand models with a version and a tier, copied from one that was registered."""
    version, head = factories.version(), factories.head()
    rows = [
        _copy(
            version.model,
            key=f"model-{n:05d}",
            title=f"Model {n:05d}",
            searched=f"model-{n:05d} model {n:05d}",
        )
        for n in range(MODELS)
    ]
    RegisteredModel.objects.bulk_create(rows, batch_size=1000)
    versions = [_copy(version, model_id=row.pk, digest=f"sha256:{n:064x}") for n, row in enumerate(rows)]
    ModelVersion.objects.bulk_create(versions, batch_size=1000)
    tiers = [
        Tiering(model=row, tier=1 + n % 4, rationale="for a measurement", assigned_by=head)
        for n, row in enumerate(rows)
    ]
    Tiering.objects.bulk_create(tiers, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(row: Row, **changes: object) -> Row:
    fields = [field for field in row._meta.concrete_fields if not field.primary_key and not field.generated]
    return type(row)(**{field.attname: getattr(row, field.attname) for field in fields} | changes)


def test_an_audited_transaction(table: Table, fresh_database: FreshDatabase, state_folder: Path):
    _scratch(fresh_database)
    for sleep, what in ((0.0, "nothing else to wait for"), (0.001, "1 ms of other waiting in it")):
        found: dict[str, list[float]] = {"plain": [], "audited": []}
        for _ in range(3):
            for kind, rates in found.items():
                rates.append(_writers(fresh_database, state_folder, kind, sleep))
        plain, audited = (median(found[kind]) for kind in ("plain", "audited"))
        table.add(
            Line(
                part=WRITING,
                what=f"transactions that insert a row, {WRITERS} writers, {what}",
                ours=f"{audited:,.0f} a second, audited",
                peer=f"the same without its event, {named('psycopg')}",
                theirs=f"{plain:,.0f} a second",
                ratio=times(audited / plain),
            )
        )


def _scratch(database: FreshDatabase) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE bench_loan (id bigserial PRIMARY KEY, amount bigint NOT NULL)")
        owner.execute("GRANT INSERT, SELECT ON bench_loan TO cs_app")
        owner.execute("GRANT USAGE ON SEQUENCE bench_loan_id_seq TO cs_app")


def _writers(database: FreshDatabase, state: Path, kind: str, sleep: float) -> float:
    """Transactions a second of all writers together, who begin when the lock is let go."""
    import json

    command = [sys.executable, "-m", "tests.bench.jobs", "writing", kind, str(EACH), str(sleep)]
    environment = database.environment() | {"COUNTERSIGN_STATE": str(state)}
    with psycopg.connect(database.url(), autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(7)")
        crowd = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(WRITERS)
        ]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        deadline = time.monotonic() + 120
        while gate.execute(waiting).fetchone() != (WRITERS,):
            assert time.monotonic() < deadline, "the writers did not come"
            time.sleep(0.05)
        gate.execute("SELECT pg_advisory_unlock(7)")
        said = [json.loads(process.communicate(timeout=120)[0]) for process in crowd]
    began, ended = min(s["began"] for s in said), max(s["ended"] for s in said)
    return sum(s["count"] for s in said) / (ended - began)
