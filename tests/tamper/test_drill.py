"""F24 as an operator lives it: a dump, a restore, a new log begun by two people, the pack of both logs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from apps.access import commands as access
from apps.audit.anchors import anchor_file
from apps.audit.commands import record, register_key
from apps.audit.events import EventName
from apps.audit.fsck import examine
from apps.audit.models import Event, Leaf, TreeState
from apps.audit.queries import keys
from apps.audit.sequencer import Sequencer
from apps.audit.states import system
from apps.audit.stopping import LogStopped, stopped
from apps.cli.main import main as program
from apps.engine.keys import Purpose
from apps.reports.commands.packing import make_pack
from apps.reports.packs_scope import PackScope
from governance.local.binaries import postgres_folder, service_account
from tests import database, factories
from tests.audit.people import ADA, MODEL
from tests.bench.measuring import ROOT
from tests.database import FreshDatabase
from tests.flows.fixtures import state_in
from tests.verifier.both import verifier

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]
EVENTS = int(os.environ.get("COUNTERSIGN_DRILL_EVENTS", "100000"))
LOST = 500
# Seconds that a restore may take, verified, of up to a million events.
RESTORED = 300
FILL = """
INSERT INTO audit_event (id, body, occurred_at)
SELECT id, convert_to(format('{"action":"run.claimed","actor":{"id":"relay","name":"relay","type":"system"},'
  '"after":{"state":"running"},"before":{"state":"queued"},"id":"%%s","object":{"id":"run-%%s",'
  '"name":"run %%s","type":"run"},"prev_object_event":null,"request_id":"%%s","ts":"%%s","v":2}',
  id, n, n, md5(n::text), to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), 'UTF8'), at
FROM (SELECT n, uuidv7() AS id, now() + n * interval '1 microsecond' AS at
      FROM generate_series(1, %s::bigint) n) AS made
"""


@dataclass
class Watch:
    """How long each step took."""

    took: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.took[step] = time.perf_counter() - begin


@pytest.fixture
def own_state(fresh_bank: FreshDatabase, tmp_path: Path) -> Iterator[Path]:
    """Keys, blobs and checkpoints of this test alone."""
    folder = tmp_path / "state"
    shutil.copytree(settings.STATE, folder, dirs_exist_ok=True)
    with state_in(folder):
        yield folder


def sequence() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE cs_seq")
        Sequencer(anchor_file()).drain()
    connection.close()


def postgres(name: str, *words: str) -> None:
    """One of the server's own programs, as its superuser."""
    found = connection.settings_dict
    where = ["-h", found["HOST"], "-p", str(found["PORT"] or 5432), "-U", "postgres"]
    programs = postgres_folder(settings.PLACES.binaries, service_account())
    subprocess.run([str(programs / name), *where, *words], check=True, stdin=subprocess.DEVNULL)


def restore(name: str, dump: Path) -> None:
    """An empty database of that name, filled from the dump."""
    connection.close()
    database.drop(name)
    with database.maintenance() as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    postgres("pg_restore", "-d", name, "-j", "2", str(dump))


def begun_anew() -> None:
    proposer, other = factories.head(), factories.administrator()
    access.propose_epoch(by=proposer, reason="The volume of the database was lost.")
    access.confirm_epoch(by=other)
    sequence()
    for _ in range(300):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)
    sequence()


def packed(folder: Path) -> Path:
    auditor = factories.person("auditor")
    factories.grant(auditor, "auditor")
    sequence()
    made = make_pack(by=auditor, scope=PackScope(), most=None)
    place = folder / made.name
    with made.file:
        place.write_bytes(made.file.read())
    (folder / "keys.json").write_text(json.dumps(keys().as_json()))
    return place


def both(place: Path) -> tuple[int, int]:
    words = ["--keys", str(place.parent / "keys.json")]
    return verifier([str(place), *words]), program(["verify", str(place), *words])


def with_event(place: Path, number: int, change: Callable[[bytes], bytes]) -> Path:
    """The pack with one line of its events changed."""
    forged = place.with_name(f"forged-{number}.zip")
    with zipfile.ZipFile(place) as old, zipfile.ZipFile(forged, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "log/events.jsonl":
                lines = data.split(b"\n")
                lines[number] = change(lines[number])
                data = b"\n".join(lines)
            new.writestr(info.filename, data)
    return forged


def with_a_byte_changed(index: int) -> list[str]:
    """What the nightly check says once a superuser changed one event, which is put back after."""
    login, event = connection.settings_dict, Leaf.objects.get(idx=index).event
    where = {"host": login["HOST"], "port": login["PORT"] or 5432, "dbname": login["NAME"]}
    change = "UPDATE audit_event SET body = %s WHERE id = %s"
    with psycopg.connect(**where, user="postgres", autocommit=True) as ruler:
        ruler.execute("SET session_replication_role = replica")
        ruler.execute("ALTER TABLE audit_event DISABLE TRIGGER ALL")
        ruler.execute(change, [bytes(event.body).replace(b'"v":2', b'"v":3'), event.pk])
        faults = examine(anchor_file(), []).problems
        ruler.execute(change, [bytes(event.body), event.pk])
    return faults


def _refused_by_the_sequencer(fresh_bank: FreshDatabase, state: Path, size: int) -> None:
    environment = fresh_bank.environment() | {
        "COUNTERSIGN_DATABASE_ROLE": "sequencer",
        "COUNTERSIGN_STATE": str(state),
    }
    command = [sys.executable, "manage.py", "sequence"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    sentence = f"covers {size + LOST} events, but the database holds {size}: "
    assert f"{sentence}events {size} to {size + LOST - 1} are lost" in done.stderr
    with pytest.raises(LogStopped, match="are lost"):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)


def test_restore_drill(
    fresh_bank: FreshDatabase, own_state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch, dump = Watch(), tmp_path / "yesterday.dump"
    register_key(by=system("drill"), purpose=Purpose.CHECKPOINT)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FILL, [EVENTS])
    with watch.of("give every event its place"):
        sequence()
    size = TreeState.objects.get().size
    with watch.of("dump"):
        postgres("pg_dump", "-Fc", "-Z", "1", "-f", str(dump), fresh_bank.name)
    with watch.of("restore"):
        restore(fresh_bank.name, dump)
    with watch.of("verify what was restored"):
        assert examine(anchor_file(), []).problems == []
    assert Event.objects.count() == Leaf.objects.count() == size
    assert watch.took["restore"] + watch.took["verify what was restored"] <= RESTORED * max(1, EVENTS / 1e6)
    for _ in range(LOST):
        record(by=ADA, action=EventName.MODEL_CHANGED, subject=MODEL)
    sequence()
    restore(fresh_bank.name, dump)
    with watch.of("start: the sequencer refuses and names what is lost"):
        _refused_by_the_sequencer(fresh_bank, own_state, size)
    with watch.of("a new log, begun by two"):
        begun_anew()
    assert stopped() is None
    with watch.of("an auditor pack of both logs, verified as it is made"):
        place = packed(tmp_path)
    with watch.of("both verifiers, one after the other"):
        assert both(place) == (0, 0)
    told = capsys.readouterr().out
    assert told.count(f"events {size} to {size + LOST - 1} of") == 2
    for number in (size // 2, size + 100):
        forged = with_event(place, number, lambda line: line.replace(b'"v":2', b'"v":3'))
        assert both(forged) == (1, 1)
        assert capsys.readouterr().out.count("log/events.jsonl: It is not the file") == 2
        assert any(f"Index {number}:" in fault for fault in with_a_byte_changed(number))
    with capsys.disabled():
        print(f"\n{size:,} events")
        for step, seconds in watch.took.items():
            print(f"| {step} | {seconds:.1f} s |")
