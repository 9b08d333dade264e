"""What the service tells of itself: numbers for monitors, colours for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.access import commands as access
from apps.audit.anchoring.standing import Colour
from apps.costs.commands import Held, enter, set_budget
from apps.deploys.watching import latency, numbers, system
from apps.deploys.watching.page import measurements
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def page() -> dict[str, float]:
    lines = [line for line in measurements().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_runs_workers_and_the_log_are_counted() -> None:
    decision = bank.decided(bank.version())
    found = page()
    assert found[f'countersign_runs{{lane="{decision.run.lane}",state="decided"}}'] >= 1
    assert found["countersign_workers_seen"] >= 1
    assert 0 <= found["countersign_worker_idle_share"] <= 1
    assert found["countersign_lease_losses_total"] == 0
    assert found["countersign_gate_may_allow"] in (0, 1)


def test_a_budget_is_told_as_a_share() -> None:
    version = bank.version()
    set_budget(by=factories.head(), unit=version.model.unit, month=timezone.now().date(), amount="1000")
    assert 0 <= page()['countersign_budget_used_share{model="",unit="retail"}'] < 1


def test_busy_workers_are_not_idle() -> None:
    run = bank.decided(bank.version()).run
    before = numbers.idle_share()
    run.fence += 1
    enter(by=bank.WORKER, run=run, usage=Held(wall_seconds=600))
    assert numbers.idle_share() == pytest.approx(before - 600 / 3600 / len(numbers.workers()), abs=0.01)
    assert numbers.idle_share(timezone.now() + timedelta(hours=2)) is None


def test_requests_are_counted_by_pattern_not_by_address() -> None:
    Client().get("/models/anything")
    names = [name for name in page() if name.startswith("countersign_request_seconds_count")]
    assert [name for name in names if 'route="models/<str:key>"' in name]
    assert not [name for name in names if "anything" in name]
    latency.observed("BREW", "", 418, 0.1)
    assert 'countersign_request_seconds_count{method="other",route="none",status="418"}' in page()


def test_every_part_is_looked_at_and_says_what_to_do() -> None:
    found = {part.name: part for part in system.parts()}
    assert found["database"].colour == found["migrations"].colour == Colour.GREEN
    assert found["clocks"].colour == Colour.GREEN
    assert all(part.do for part in found.values() if part.colour != Colour.GREEN)
    assert (found["broker"].colour, system.hindrances()) == (Colour.AMBER, [])


def broken() -> system.Part:
    raise RuntimeError("secret detail")


def test_a_part_that_cannot_be_looked_at_is_red_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(system._LOOKS, "database", broken)
    part = next(part for part in system.parts() if part.name == "database")
    assert (part.colour, "secret" in part.seen) == (Colour.RED, False)
    answer = Client().get("/api/v1/health/ready")
    assert (answer.status_code, answer.json()["lacking"]) == (503, ["database"])


@pytest.mark.parametrize("path", ["/api/v1/health/live", "/api/v1/health/ready"])
def test_probes_need_no_token(path: str) -> None:
    assert Client().get(path).json()["status"] == "ok"


@pytest.mark.parametrize(
    ("who", "scopes", "status"),
    [
        (lambda: factories.service("prometheus", "auditor"), ["system.see"], 200),
        (lambda: factories.service("prometheus", "auditor"), ["model.see"], 403),
        (lambda: factories.service(), ["model.see"], 403),
    ],
)
def test_measurements_are_for_a_token_that_carries_them(
    who: Callable, scopes: list[str], status: int
) -> None:
    admin = factories.person("token-admin", "administrator")
    _, raw = access.issue_token(by=admin, person=who(), name="prometheus", scopes=scopes)
    for path in ("/metrics", "/api/v1/metrics"):
        answer = Client().get(path, headers={"Authorization": f"Bearer {raw}"})
        assert answer.status_code == status
    assert Client().get("/metrics").status_code == 401
