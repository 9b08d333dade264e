"""What the record costs, how soon it is proved, how fast it is checked."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from apps.audit.commands.recording import _STORE
from governance.local.binaries import postgres_folder, service_account
from tests.bench.measuring import ROOT, duration, job, median, named, times
from tests.bench.slow_disk import OwnServer, can_rest, own_server
from tests.bench.table import Line, Table

pytestmark = pytest.mark.bench
PART = "What the record costs"
WRITERS, EACH, ROUNDS = 8, 200, 3
PAIRS, LOADED = 5, 3  # rounds of both, and seconds of each, by pgbench

_BUSINESS = """
\\set n random(1, 1000000)
BEGIN;
INSERT INTO bench_loan (amount) VALUES (:n);
UPDATE bench_loan SET amount = amount + 1 WHERE id = 1 + :n % 1000;
{record}
COMMIT;
"""
_JOB = (sys.executable, "-m", "tests.bench.jobs")
# An event of the length that most have.
_MADE = """
WITH made AS MATERIALIZED (
  SELECT id, at, convert_to('{"action":"model.changed","actor":{"auth":{"age_s":12,"method":"session"},'
    || '"id":"17","type":"person"},"after":{"amount":17},"before":{"amount":16},'
    || '"digests":{"after":"sha256:' || repeat('0', 64) || '","before":"sha256:' || repeat('1', 64)
    || '"},"id":"' || id || '","object":{"id":"loan-' || :n
    || '","name":"loan","type":"model"},"prev_object_event":', 'UTF8') AS head,
    convert_to(',"request_id":"' || repeat('2', 32) || '","ts":'
    || left(to_json(at AT TIME ZONE 'UTC')::text, -1) || 'Z","v":2}', 'UTF8') AS tail
  FROM (SELECT uuidv7() AS id, clock_timestamp() AS at) AS now
)"""


_DISKS = pytest.mark.parametrize(
    ("rest_us", "what", "least"),
    [(1000, "each commit waits 1 ms", 0.90), (0, "on this machine's disk", 0.70)],
)

# The same bytes in a table of no other use: the row that any log needs.
_UNPROVED = f"{_MADE} INSERT INTO bench_bytes SELECT id, head || 'null' || tail FROM made;"  # noqa: S608


@_DISKS
def test_an_audited_transaction(table: Table, tmp_path: Path, rest_us: int, what: str, least: float):
    """A command of the service with and without its event, and the least that a transaction can be."""
    found: dict[str, Pairs] = {"registering": Pairs(), "writing": Pairs()}
    with _database(rest_us) as server:
        subprocess.run([*_JOB, "staffing"], cwd=ROOT, env=_told(server, tmp_path), check=True)
        for _ in range(ROUNDS):
            for work, pairs in found.items():
                for kind in ("plain", "audited"):
                    pairs[kind].append(_writers(server, tmp_path, work, kind))
    peer = f"the same without its event, {named('Django', 'psycopg')}"
    said = f"a model registered by the service's command, {WRITERS} writers, {what}"
    table.add(_line(said, peer, found["registering"], least))
    said = f"one bare insert and its event, {WRITERS} writers, {what}"
    table.add(_line(said, peer, found["writing"]))


@_DISKS
def test_what_the_record_costs_the_database(
    table: Table, tmp_path: Path, rest_us: int, what: str, least: float
):
    """Two statements of business by the database's load program: alone, with the record, with a bare row."""
    scripts = {name: tmp_path / f"{name}.sql" for name in ("plain", "audited", "unproved")}
    for path, record in zip(scripts.values(), ("", _recording(), _UNPROVED), strict=True):
        path.write_text(_BUSINESS.format(record=record))
    found = Pairs()
    with _database(rest_us) as server:
        for _ in range(PAIRS):
            for kind, path in scripts.items():
                found[kind].append(_load(server, path))
    said = f"two statements of business and the record's, {WRITERS} connections, {what}"
    table.add(_line(said, "the same without the record, pgbench, prepared", found, least))
    said = f"the same beside a log that proves nothing, {what}"
    table.add(_line(said, "its bytes inserted into a bare table", found, against="unproved"))


class Pairs(defaultdict[str, list[float]]):
    """Transactions a second by kind, those that were taken one after the other at the same place."""

    def __init__(self) -> None:
        super().__init__(list)

    def ratio(self, against: str) -> float:
        return median([a / p for a, p in zip(self["audited"], self[against], strict=True)])


def _line(what: str, peer: str, found: Pairs, least: float | None = None, *, against: str = "plain") -> Line:
    ratio = found.ratio(against)
    return Line(
        part=PART,
        what=what,
        ours=f"{median(found['audited']):,.0f} a second, audited",
        peer=peer,
        theirs=f"{median(found[against]):,.0f} a second",
        ratio=times(ratio),
        goal="" if least is None else f"≥ {least:.2f} of plain",
        met="" if least is None else "yes" if ratio >= least else "no",
    )


@contextmanager
def _database(rest_us: int) -> Iterator[OwnServer]:
    if rest_us and not can_rest():
        pytest.skip("commits cannot be made to wait here: no C compiler, or no file system in memory")
    with own_server(rest_us=rest_us) as server:
        _scratch(server)
        yield server


def _recording() -> str:
    """The service's own statement, its values made by the database instead of sent to it."""
    names = (
        "'model'",
        "'loan-' || :n",
        *(f"(SELECT {name} FROM made)" for name in ("id", "head", "tail", "at")),  # noqa: S608
    )
    values = iter(names)
    own = re.sub("%s", lambda _: next(values), _STORE.format(beside=""))
    return own.replace("WITH previous", f"{_MADE}, previous", 1).strip() + ";"


def _load(server: OwnServer, script: Path) -> float:
    """Transactions a second by pgbench."""
    program = postgres_folder(server.places.binaries, service_account()) / "pgbench"
    words = ["-h", str(server.places.sockets), "-U", "cs_app", "-n", "-M", "prepared", "-j", "2"]
    words += ["-c", str(WRITERS), "-T", str(LOADED), "-f", str(script), "countersign"]
    done = subprocess.run([str(program), *words], capture_output=True, text=True, check=True)
    told = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    assert told, done.stdout + done.stderr
    return float(told[1])


def _scratch(server: OwnServer) -> None:
    with psycopg.connect(server.url("owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE bench_loan (id bigserial PRIMARY KEY, amount bigint NOT NULL)")
        owner.execute("GRANT INSERT, SELECT, UPDATE ON bench_loan TO cs_app")
        owner.execute("INSERT INTO bench_loan (amount) SELECT 0 FROM generate_series(1, 1000)")
        owner.execute("CREATE TABLE bench_bytes (id uuid PRIMARY KEY, body bytea NOT NULL)")
        owner.execute("GRANT INSERT ON bench_bytes TO cs_app")
        owner.execute("GRANT USAGE ON SEQUENCE bench_loan_id_seq TO cs_app")


def _told(server: OwnServer, state: Path) -> dict[str, str]:
    return server.environment() | {"COUNTERSIGN_STATE": str(state)}


def _writers(server: OwnServer, state: Path, work: str, kind: str) -> float:
    """Transactions a second of all writers together, who begin when the lock is let go."""
    command, environment = [*_JOB, work, kind, str(EACH)], _told(server, state)
    with psycopg.connect(server.url(), autocommit=True) as gate:
        gate.execute("SELECT pg_advisory_lock(7)")
        crowd = [
            subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
            for _ in range(WRITERS)
        ]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        _until(lambda: gate.execute(waiting).fetchone() == (WRITERS,), "the writers did not come")
        gate.execute("SELECT pg_advisory_unlock(7)")
        said = [json.loads(process.communicate(timeout=120)[0]) for process in crowd]
    began, ended = min(s["began"] for s in said), max(s["ended"] for s in said)
    return sum(s["count"] for s in said) / (ended - began)


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_from_commit_to_the_log_and_to_a_witness(table: Table, tmp_path: Path):
    with own_server() as server, ExitStack() as running:
        witness = running.enter_context(_witness(tmp_path))
        environment = server.environment() | {"COUNTERSIGN_STATE": str(tmp_path)}
        environment |= {"COUNTERSIGN_WITNESSES": witness}
        words = [sys.executable, "manage.py", "keys", "--introduce", str(tmp_path / "witness" / "logs")]
        subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        for name in ("sequence", "anchor"):
            told = environment | {"COUNTERSIGN_DATABASE_ROLE": "sequencer"}
            running.enter_context(_process([sys.executable, "manage.py", name], told))
        command = [sys.executable, "-m", "tests.bench.jobs", "following", "500", "20"]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=180
        )
    said = json.loads(done.stdout.splitlines()[-1])
    rate = f"at {said['rate']:.0f} events a second"
    for name, what, most in (
        ("included", "from commit to the log, 99 of 100", 1.0),
        ("witnessed", "from commit to a checkpoint that a witness cosigned, 99 of 100", 5.0),
    ):
        table.add(
            Line(
                part=PART,
                what=f"{what}, {rate}",
                ours=duration(said[name]),
                goal=f"≤ {most:.0f} s",
                met="yes" if said[name] <= most and said["rate"] > 450 else "no",
            )
        )


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _witness(folder: Path) -> Iterator[str]:
    """A witness as a process of its own, and how the service is told of it."""
    place = str(folder / "witness")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [sys.executable, "-m", "witness"]
    made = subprocess.run(
        [*words, "init", "--name", "bench.example/w1", "--folder", place],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with _process([*words, "serve", "--listen", address, "--folder", place], dict(os.environ)):
        yield f"{made.stdout.strip()}@http://{address}"


def test_the_verifier_s_speed(table: Table):
    said = [job("verifying", 60_000).said for _ in range(3)]
    rate = median([s["rows"] / s["cpu"] for s in said])
    table.add(
        Line(
            part=PART,
            what="events of a pack that the separate verifier checks, one core",
            ours=f"{rate:,.0f} a second",
            goal="≥ 50,000 a second",
            met="yes" if rate >= 50_000 else "no",
        )
    )
