"""The preview of a policy over a whole inventory: 5,000 models of 20 gates each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from apps.engine.policy import read_policy
from apps.gates.clock import database_now
from apps.gates.impacts import impact_of
from apps.gates.quorum import blocked_by
from tests.bench import policy_rows
from tests.bench.goals import Goal, Side, compare
from tests.bench.measuring import median
from tests.bench.table import Table
from tests.database import FreshDatabase
from tests.flows.bank import state_in

pytestmark = pytest.mark.bench
MODELS, GATES = 5_000, 20


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path) -> Iterator[Path]:
    """Keys and files of this run alone."""
    with state_in(tmp_path):
        yield tmp_path


def test_impact(table: Table, fresh_database: FreshDatabase) -> None:
    by = policy_rows.fill(MODELS, GATES)
    with psycopg.connect(fresh_database.url("owner"), autocommit=True) as owner:
        owner.execute("ANALYZE")  # as the server does by itself, a minute later
    draft = policy_rows.policy_text(GATES, version="2.0.0", floor=0.65)
    ours, floor, people = [], [], []
    for _ in range(3):
        began = time.perf_counter()
        found = impact_of(by=by, data=draft)
        ours.append(time.perf_counter() - began)
        floor.append(_read())
        began = time.perf_counter()
        blocked_by(read_policy(draft, name="draft"), database_now())
        people.append(time.perf_counter() - began)
    assert len(found.effects) == MODELS
    assert 0 < len(found.changed) < MODELS
    compare(
        table,
        part="Deciding",
        what=f"impact of a draft on {MODELS:,} models of {GATES} gates: each decided twice, reasons in words",
        ours=Side(seconds=median(ours), note=f"people for every step proved in {median(people):.1f} s"),
        theirs=Side(seconds=median(floor)),
        peer="PostgreSQL and JSON alone: the same measurements read, nothing decided",
        goal=Goal(seconds=60),
    )


def _read() -> float:
    """The least that must be done: every measurement fetched and parsed."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT measurement - ARRAY['groups', 'tables'] FROM gates_evidence")
        rows = cursor.fetchall()
    assert len(rows) == MODELS * GATES
    return time.perf_counter() - began
