"""Where a kernel lacks a wall, a run says so and gives no number, unless told to do with what stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.engine import child
from apps.engine.child import Limits, in_child
from apps.gates.measuring import FAILURES, run_limits
from apps.gates.states import Failure
from tests.engine.subjects import write_subject
from tests.standing import Standing, standing_bank, world
from tests.web.browsing import BACKEND

__all__ = ["standing_bank", "world"]
GAP = "Files are not narrowed around what measures a model: Landlock is not there."


@pytest.fixture
def without_landlock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A child on a kernel without it."""
    stub = tmp_path / "stub.py"
    stub.write_text(
        "from apps.engine import walls\n"
        "walls.confine = lambda reach: 'none: Function not implemented'\n"
        "from apps.engine.inside import main\nmain()\n"
    )
    monkeypatch.setattr(child, "COMMAND", (*child.COMMAND[:-2], str(stub)))


@pytest.mark.usefixtures("without_landlock")
def test_a_missing_wall_is_an_error_where_walls_are_required(tmp_path: Path) -> None:
    task = {"do": "inspect", "manifest": str(write_subject(tmp_path))}
    found = in_child(task, limits=Limits(required=True))
    assert (found["status"], found["kind"]) == ("error", "walls")
    assert "files: Function not implemented" in found["reason"]
    assert "COUNTERSIGN_WALLS=best" in found["reason"]
    assert FAILURES["walls"] is Failure.UNAVAILABLE
    assert in_child(task, limits=Limits(required=False))["status"] == "done"


def test_a_run_asks_for_every_wall_unless_told_otherwise(settings: Any) -> None:
    settings.WALLS = "required"
    assert run_limits().required
    settings.WALLS = "best"
    assert not run_limits().required


@pytest.mark.parametrize(("walls", "said"), [("required", "Nothing is measured"), ("best", "fewer walls")])
def test_the_health_page_says_what_the_kernel_lacks(
    world: Standing, monkeypatch: pytest.MonkeyPatch, settings: Any, walls: str, said: str
) -> None:
    monkeypatch.setattr("apps.web.views.health.lacking", lambda: [GAP])
    settings.WALLS = walls
    client = Client()
    client.force_login(world.people["administrator"], backend=BACKEND)
    page = client.get("/health").content.decode()
    assert GAP in page
    assert said in page
