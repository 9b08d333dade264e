"""The queue on its page, in the API and on the command line."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from apps.gates import commands
from apps.gates.clock import Clock, database_now
from apps.gates.models import Run
from apps.gates.states import Failure, RunState
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing
from tests.web.browsing import Browser

pytestmark = pytest.mark.usefixtures("world")


def killed(run: Run) -> Run:
    for _ in range(3):
        Run.objects.filter(pk=run.pk).update(not_before=None)
        held = commands.claim(by=bank.WORKER, run_id=run.pk, owner="host-a:1:2")
        commands.fail(by=bank.WORKER, run=held, failure=Failure.CRASH, cause="It fell over.")
    return Run.objects.get(pk=run.pk)


def test_the_page_says_what_waits_and_why_not_yet(world: Standing) -> None:
    page = Browser(world.people["developer"]).get("/queue")
    assert "Lane quick" in page
    assert str(world.queued.version) in page
    assert "Is next, as soon as a worker is free." in page or "No worker of the lane quick" in page


def test_the_page_says_where_a_run_is_at_work(world: Standing) -> None:
    commands.claim(by=bank.WORKER, run_id=world.queued.pk, owner="host-a:12:34")
    page = Browser(world.people["developer"]).get("/queue")
    assert "host-a" in page
    assert "12:34" not in page
    assert "How long runs of the lane quick waited" in page
    assert re.search(r"\d\d:00 \d+ runs?, [\d.]+ (s|min|h) on average", page)


def test_who_sees_no_model_sees_numbers_alone(world: Standing) -> None:
    page = Browser(world.people["elsewhere"]).get("/queue")
    assert "1 waits" in page
    assert str(world.queued.version) not in page
    assert "None of those that wait is of a model that you may see." in page


def test_a_dead_run_is_told_on_the_first_page_and_requeued_on_the_queues(world: Standing) -> None:
    run, head = killed(world.queued), Browser(world.people["head-of-model-risk"])
    assert "It fell over. It failed 3 times." in head.get("/")
    assert "Given up" in head.get("/queue")
    head.send(f"/runs/{run.pk}/requeue", reason="The machine is mended.")
    assert Run.objects.get(pk=run.pk).state == RunState.QUEUED
    assert "Given up" not in head.get("/queue")


def test_only_who_may_finds_the_forms(world: Standing) -> None:
    killed(world.queued)
    page = Browser(world.people["developer"]).get("/queue")
    assert "Given up" in page
    assert "/requeue" not in page


def test_missed_monitoring_is_told(world: Standing) -> None:
    version = world.granted.version
    commands.set_schedule(
        by=world.people["developer"],
        version=version,
        use=bank.use_of(version),
        dataset="production",
        every_days=7,
        first_due=database_now() - timedelta(days=20),
    )
    commands.request_due(by=bank.WORKER)
    for address in ("/", "/queue"):
        assert "Nothing was asked for 2 times" in Browser(world.people["owner"]).get(address)


def test_the_api_tells_lanes_dead_and_missed(world: Standing) -> None:
    asker = Asker(world.tokens["developer"])
    found = asker.get("/queue").json()
    lane = next(lane for lane in found["lanes"] if lane["lane"] == "quick")
    assert (lane["queued"], [row["run"] for row in lane["waiting"]]) == (1, [str(world.queued.pk)])
    run = killed(world.queued)
    assert [row["id"] for row in asker.get("/queue").json()["dead"]] == [str(run.pk)]


def test_a_head_places_and_requeues_by_the_api(world: Standing) -> None:
    asker = Asker(client=Browser(world.people["head-of-model-risk"]).client)
    address = f"/runs/{world.queued.pk}"
    told = asker.post(f"{address}/place", {"place": "first", "reason": "The regulator asks."})
    assert (told.status_code, told.json()["place"]) == (200, "first")
    assert asker.post(f"{address}/place", {"place": "top", "reason": "x"}).status_code == 422
    assert asker.post(f"{address}/requeue", {"reason": "x"}).status_code == 409
    killed(world.queued)
    assert asker.post(f"{address}/requeue", {"reason": "Mended."}).json()["state"] == "queued"


def test_a_due_time_is_kept_and_one_in_the_past_refused(world: Standing) -> None:
    asker = Asker(world.tokens["developer"])
    asked = {"model": "card-limit", "version": "1", "due": "2099-01-01T00:00:00Z"}
    assert asker.post("/runs", asked, key="due").json()["due"].startswith("2099-01-01T00:00:00")
    late = asker.post("/runs", {**asked, "due": "2001-01-01T00:00:00Z"})
    assert late.status_code == 422
    assert "is past; expected a later one" in late.json()["detail"]
    assert asker.post("/runs", {**asked, "due": "soon"}).status_code == 422


def test_the_command_shows_and_requeues(world: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = killed(world.queued), io.StringIO()
    call_command("queue", "show", stdout=out)
    assert "1 given up" in out.getvalue()
    assert str(run.pk) in out.getvalue()
    who = world.people["head-of-model-risk"].username
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{factories.PASSWORD}\n"))
    call_command("queue", "requeue", str(run.pk), "--reason", "Mended.", "--as", who, stdout=out)
    assert Run.objects.get(pk=run.pk).state == RunState.QUEUED
    monkeypatch.setattr("sys.stdin", io.StringIO("wrong\n"))
    with pytest.raises(CommandError):
        call_command("queue", "cancel", str(run.pk), "--reason", "x", "--as", who, stdout=out)


def test_a_run_that_rests_says_until_when_and_after_what(world: Standing) -> None:
    held = commands.claim(by=bank.WORKER, run_id=world.queued.pk, owner="w:1:2")
    commands.fail(by=bank.WORKER, run=held, failure=Failure.CRASH, cause="It fell over.")
    Run.objects.filter(pk=held.pk).update(not_before=Clock() + timedelta(minutes=1))
    page = Browser(world.people["developer"]).get(f"/runs/{held.pk}")
    assert "Rests until" in page
    assert "The last attempt failed: It fell over." in page
