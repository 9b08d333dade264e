"""Partitions and hardware on the page of a run and in the API."""

from __future__ import annotations

import pytest

from apps.gates.commands.partition_leases import wait
from apps.gates.dividing import NEVER
from apps.gates.models import Partition, Run
from apps.gates.states import RunState, WaitsFor
from tests.api.asking import Asker
from tests.standing import Standing
from tests.web.browsing import Browser

pytestmark = pytest.mark.usefixtures("world")


@pytest.fixture
def shared(world: Standing) -> Run:
    """The waiting run with two partitions, one of them at work."""
    run = world.queued
    for number in (0, 1):
        Partition.objects.create(
            run=run, dataset="holdout", number=number, lane=run.lane,
            parts={f"p{number}.parquet": "sha256:" + str(number) * 64},
        )  # fmt: skip
    wait(run)
    return run


@pytest.fixture
def dear(world: Standing) -> Run:
    Run.objects.filter(pk=world.queued.pk).update(
        waits_for=WaitsFor.CONSENT, hardware="gpu", not_before=NEVER
    )
    return Run.objects.get(pk=world.queued.pk)


def test_the_page_shows_each_partition(world: Standing, shared: Run) -> None:
    page = Browser(world.people["developer"]).get(f"/runs/{shared.pk}")
    assert "0 of 2 partitions measured" in page
    assert "p0.parquet" in page
    assert "p1.parquet" in page


def test_the_api_shows_each_partition_and_lends_one_out(world: Standing, shared: Run) -> None:
    asker = Asker(world.tokens["developer"])
    shown = asker.get(f"/runs/{shared.pk}").json()
    assert (shown["waits_for"], [p["state"] for p in shown["partitions"]]) == ("partitions", ["queued"] * 2)
    taken = asker.post(f"/runs/{shared.pk}/partitions", {}).json()
    assert (list(taken["parts"]), taken["every"], taken["fence"]) == (
        ["p0.parquet"], ["p0.parquet", "p1.parquet"], 1,
    )  # fmt: skip
    kept = asker.post(f"/runs/{shared.pk}/partitions/{taken['partition']}/keep", {"fence": 1})
    assert kept.status_code == 200
    page = Browser(world.people["developer"]).get(f"/runs/{shared.pk}")
    assert "outside: " in page


def test_whoever_may_approve_hardware_finds_it_on_the_first_page_and_does(world: Standing, dear: Run) -> None:
    head = Browser(world.people["head-of-model-risk"])
    assert "Run waits for approval of gpu" in head.get("/")
    assert "waits for approval of gpu" in head.get(f"/runs/{dear.pk}")
    head.send(f"/runs/{dear.pk}/hardware", answer="approve", reason="The review is due.")
    assert Run.objects.get(pk=dear.pk).waits_for == ""
    assert "Approved: gpu" in head.get(f"/runs/{dear.pk}")


def test_others_see_why_they_may_not(world: Standing, dear: Run) -> None:
    page = Browser(world.people["developer"]).get(f"/runs/{dear.pk}")
    assert "waits for approval of gpu" in page
    assert "/hardware" not in page


def test_the_api_refuses_it_with_a_reason(world: Standing, dear: Run) -> None:
    asker = Asker(client=Browser(world.people["head-of-model-risk"]).client)
    assert asker.post(f"/runs/{dear.pk}/hardware", {"granted": False, "reason": ""}).status_code == 422
    answer = asker.post(f"/runs/{dear.pk}/hardware", {"granted": False, "reason": "Too dear."})
    assert answer.status_code == 201
    assert answer.json()["state"] == RunState.CANCELLED
    assert answer.json()["cause"] == "The use of gpu was refused: Too dear."
