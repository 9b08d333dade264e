from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from apps.audit.commands import move
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import system
from apps.gates.clock import database_now
from apps.gates.models import Decision, Run
from apps.gates.states import ENDED, RUN_MOVES, RunState
from tests.gates import rows

pytestmark = pytest.mark.django_db
FACTS = ("gates_evidence", "gates_decision", "gates_policyrelease")
WALL = r"it is written once|permission denied"
BY = system("test")


def needs(state: str) -> dict[str, Any]:
    """What a row must also hold in a state."""
    return {
        "lease_until": database_now() if state == RunState.RUNNING else None,
        "finished_at": database_now() if state in ENDED else None,
        "cause": "because" if state in (RunState.ERRORED, RunState.DEAD) else "",
    }


def path_to(state: str) -> list[str]:
    """The shortest way from queued."""
    ways: dict[str, list[str]] = {RunState.QUEUED: []}
    waiting = [str(RunState.QUEUED)]
    while waiting:
        here = waiting.pop(0)
        for there in sorted(RUN_MOVES[RunState(here)]):
            if there not in ways:
                ways[there] = [*ways[here], there]
                waiting.append(there)
    return ways[state]


def run_in(state: str) -> Run:
    run = rows.run(rows.person("dora"))
    for step in path_to(state):
        move(run, step, by=BY, event=EventName.RUN_CLAIMED, **needs(step))
    return run


def test_every_state_can_be_reached() -> None:
    assert all(path_to(state) is not None for state in RunState)


@pytest.mark.parametrize(("old", "new"), list(itertools.product(RunState, RunState)))
def test_exactly_the_moves_of_the_table_are_possible(old: RunState, new: RunState) -> None:
    run = run_in(old)
    if new in RUN_MOVES[old]:
        assert move(run, new, by=BY, event=EventName.RUN_CLAIMED, **needs(new)).state == new
        return
    with pytest.raises(Refused, match=f"is {old}; it cannot become {new}"):
        move(run, new, by=BY, event=EventName.RUN_CLAIMED, **needs(new))
    if old != new:
        with pytest.raises(DatabaseError, match="is not allowed"), transaction.atomic():
            Run.objects.filter(pk=run.pk).update(state=new, **needs(new))


def test_a_run_begins_queued() -> None:
    with pytest.raises(DatabaseError, match="a row begins as queued"), transaction.atomic():
        rows.run(rows.person("dora"), state=RunState.DECIDED, finished_at=Now())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("run_leased_while_running", {"lease_until": Now()}),
        ("run_finished_when_ended", {"finished_at": Now()}),
    ],
)
def test_a_queued_run_has_neither_lease_nor_end(name: str, changes: dict[str, Any]) -> None:
    run = run_in(RunState.QUEUED)
    with pytest.raises(DatabaseError, match=name), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(**changes)


def test_a_dead_run_says_why() -> None:
    run = run_in(RunState.QUEUED)
    with pytest.raises(DatabaseError, match="run_says_its_cause"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(state=RunState.DEAD, finished_at=Now(), cause="")


def run_sql(words: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as after a commit
        cursor.execute(words)


def facts() -> None:
    """A row in each table of facts: an UPDATE of no row would prove nothing."""
    run, pia, pat = run_in(RunState.RUNNING), rows.person("pia"), rows.person("pat")
    rows.release(pia, pat, rows.policy_text())
    now, digest = database_now(), rows.digest_of("x")
    run.evidence.create(
        gate="g", check_id="c", check_version="1", measurement={}, measured_at=now, statement_digest=digest
    )
    Decision.objects.create(
        run=run,
        version=run.version,
        use=run.use,
        purpose="approval",
        outcome="pass",
        document={},
        policies=[],
        decided_at=now,
        statement_digest=digest,
    )


@pytest.mark.parametrize("role", ["app", "owner"])
@pytest.mark.parametrize("table", FACTS)
@pytest.mark.parametrize("words", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_facts_are_written_once(table: str, words: str, role: str, as_role) -> None:
    facts()
    with as_role(role), pytest.raises(DatabaseError, match=WALL), transaction.atomic():
        run_sql(words.format(table))


@pytest.mark.parametrize("words", ["DELETE FROM gates_run", "TRUNCATE gates_run CASCADE"])
def test_runs_stay(words: str, as_role) -> None:
    run_in(RunState.CANCELLED)
    with as_role("owner"), pytest.raises(DatabaseError, match="it is written once"), transaction.atomic():
        run_sql(words)
