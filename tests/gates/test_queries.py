from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from apps.audit.commands import move
from apps.audit.errors import NotFound
from apps.audit.events import EventName
from apps.audit.states import system
from apps.gates import commands, queries
from apps.gates.clock import database_now
from apps.gates.models import Decision, Run
from apps.gates.states import RunState
from tests.gates import rows

pytestmark = pytest.mark.django_db
WORKER = system("worker")


@pytest.fixture
def dora(db: None):
    return rows.person("dora", "developer")


def decided(run: Run, outcome: str = "pass", *, days_ago: float = 0) -> Decision:
    """A run brought to its end, and a decision of that day."""
    taken = commands.claim(by=WORKER, run_id=run.pk, owner="w")
    end = {"lease_until": None, "finished_at": taken.started_at + timedelta(seconds=8)}
    move(taken, RunState.DECIDED, by=WORKER, event=EventName.RUN_DECIDED, **end)
    return Decision.objects.create(
        run=run,
        version=run.version,
        use=run.use,
        purpose=run.purpose,
        outcome=outcome,
        document={"gates": []},
        policies=[],
        decided_at=database_now() - timedelta(days=days_ago),
        statement_digest=rows.digest_of(str(run.pk)),
    )


def test_a_run_is_seen_only_by_those_who_see_its_model(dora) -> None:
    run, stranger = rows.run(dora), rows.person("stranger")
    assert queries.find_run(dora, str(run.pk)) == run
    for by, wanted in ((stranger, run.pk), (dora, uuid.uuid4()), (dora, "no-uuid")):
        with pytest.raises(NotFound, match="There is no run"):
            queries.find_run(by, wanted)
    assert list(queries.run_page(stranger)) == []


def test_a_page_of_runs_is_filtered(dora) -> None:
    mine, other = rows.run(dora), rows.run(dora, purpose="monitoring")
    assert list(queries.run_page(dora)) == [other, mine]
    assert list(queries.run_page(dora, version=mine.version)) == [mine]
    assert list(queries.run_page(dora, purpose="monitoring", state="queued")) == [other]
    assert list(queries.run_page(dora, state="running")) == []


def test_facts_of_strangers_models_are_not_found(dora) -> None:
    digest = decided(rows.run(dora)).statement_digest
    assert queries.find_decision(dora, digest).statement_digest == digest
    with pytest.raises(NotFound):
        queries.find_decision(rows.person("stranger"), digest)
    with pytest.raises(NotFound):
        queries.find_evidence(dora, digest)


def test_the_latest_decision_is_told_as_of_any_day(dora) -> None:
    version = rows.version(dora)
    old = decided(rows.run(dora, of=version), "fail", days_ago=10)
    new = decided(rows.run(dora, of=version))
    use = old.use
    assert queries.latest_decision(version, use) == new
    assert queries.latest_decision(version, use, as_of=database_now() - timedelta(days=5)) == old
    assert queries.latest_decision(version, use, as_of=database_now() - timedelta(days=20)) is None
    assert queries.latest_decision(version, use, "monitoring") is None


def test_only_the_newest_monitoring_decision_counts(dora) -> None:
    version = rows.version(dora)
    failed = decided(rows.run(dora, of=version, purpose="monitoring"), "fail", days_ago=2)
    assert list(queries.monitoring_failures()) == [failed]
    decided(rows.run(dora, of=version, purpose="monitoring"), "pass", days_ago=1)
    assert list(queries.monitoring_failures()) == []


def test_expected_time_is_of_the_same_model_else_of_all(dora) -> None:
    run = rows.run(dora)
    assert queries.expected_seconds(run.version, run.use) is None
    decided(run)
    assert queries.expected_seconds(run.version, run.use) == pytest.approx(8)
    other = rows.version(dora)
    assert queries.expected_seconds(other, rows.use(other.model)) == pytest.approx(8)


def test_progress_says_how_far_and_how_long(dora) -> None:
    run = rows.run(dora, gates_total=4)
    assert queries.progress_of(run).elapsed_seconds is None
    taken = commands.claim(by=WORKER, run_id=run.pk, owner="w")
    commands.note_progress(run_id=run.pk, fence=taken.fence, done=1, progress=[{"gate": "a"}])
    shown = queries.progress_of(queries.find_run(dora, run.pk))
    assert (shown.done, shown.total, shown.share, shown.ended) == (1, 4, 0.25, False)
    assert 0 <= shown.elapsed_seconds < 60


def test_a_policy_is_found_by_its_highest_version(dora) -> None:
    people = rows.person("pia"), rows.person("pat")
    old = rows.release(*people, rows.policy_text(number="1.9.0"))
    new = rows.release(*people, rows.policy_text(number="1.10.0"))
    assert queries.find_policy("small") == new
    assert queries.find_policy("small", "1.9.0") == old
    with pytest.raises(NotFound, match="no released policy other@2"):
        queries.find_policy("other", "2")
