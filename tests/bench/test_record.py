"""What the record costs: business transactions with and without their event."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.bench.measuring import ROOT, median, named, times
from tests.bench.table import Line, Table
from tests.database import FreshDatabase
from tests.flows.bank import state_in

pytestmark = pytest.mark.bench
PART = "What the record costs"
WRITERS, EACH, LEAST = 8, 150, 0.90


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path) -> Iterator[Path]:
    """Keys and files of this run alone."""
    with state_in(tmp_path):
        yield tmp_path


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
                part=PART,
                what=f"transactions that insert a row, {WRITERS} writers, {what}",
                ours=f"{audited:,.0f} a second, audited",
                peer=f"the same without its event, {named('psycopg')}",
                theirs=f"{plain:,.0f} a second",
                ratio=times(audited / plain),
                goal=f"≥ {LEAST:.2f} of plain" if sleep else "",
                met=("yes" if audited / plain >= LEAST else "no") if sleep else "",
            )
        )


def _scratch(database: FreshDatabase) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE bench_loan (id bigserial PRIMARY KEY, amount bigint NOT NULL)")
        owner.execute("GRANT INSERT, SELECT ON bench_loan TO cs_app")
        owner.execute("GRANT USAGE ON SEQUENCE bench_loan_id_seq TO cs_app")


def _writers(database: FreshDatabase, state: Path, kind: str, sleep: float) -> float:
    """Transactions a second of all writers together, who begin when the lock is let go."""
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
