"""What holds for every registry: read when due, by one worker at a time, in the words of the deploy gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from apps.audit.errors import Forbidden, Refused
from apps.audit.models import Event
from apps.deploys import commands
from apps.deploys.integrations import hints
from apps.deploys.integrations.registries import Mark, bounded, mark_of
from apps.deploys.models import RegistryPoll
from apps.engine.admit import Admission, Reason, Request
from tests import factories
from tests.integrations.site import WORKER, Site, made
from tests.standing import Standing

REQUEST = Request(model="m", version="1", use="u", environment="production", digest="")


def answer(outcome: Any, *codes: str) -> Admission:
    told = tuple(Reason(code, code, code) for code in codes)
    return Admission(outcome=outcome, reasons=told, request=REQUEST, asked_at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("given", "mark"),
    [
        (answer("allow", "allowed"), Mark.APPROVED),
        (answer("allow_with_limits", "allowed"), Mark.APPROVED),
        (answer("pending", "signoff_missing"), Mark.PENDING),
        (answer("error", "log_not_anchored"), Mark.PENDING),
        (answer("deny", "no_decision", "no_approval"), Mark.PENDING),
        (answer("deny", "no_approval", "gate_failed"), Mark.REJECTED),
        (answer("deny", "approval_expired"), Mark.REJECTED),
    ],
)
def test_what_is_no_allow_approves_nothing(given: Admission, mark: Mark) -> None:
    assert mark_of(given) == mark


def test_what_a_registry_says_is_kept_within_bounds() -> None:
    said = bounded({"a\0": 1, "b": "x\0", "c": {"d": 1}, "e": "x" * 20_000, "f": 1})
    assert list(said) == ["c", "…"]


@pytest.fixture
def site(world: Standing) -> Site:
    return made(
        "databricks", workspace="https://dbc.example", schemas="a.b", task="approval", hosts="dbc.example"
    )


def test_a_registry_is_read_when_it_is_due_and_by_one_worker(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(hints, "send", lambda key, *, task: bool(sent.append((key, task))) or True)
    assert commands.send_registry_hints(by=WORKER) == 1
    assert sent == [(site.row.pk, hints.READ)]

    poll = commands.read_registry(by=WORKER, integration_id=site.row.pk)
    assert poll is not None
    assert "access token was not given" in poll.fault
    assert commands.read_registry(by=WORKER, integration_id=site.row.pk) is None, "it is not due"
    assert commands.send_registry_hints(by=WORKER) == 0


def test_one_that_is_disabled_is_not_read(site: Site) -> None:
    commands.switch_integration(by=factories.administrator(), integration=site.row, on=False, reason="Moved.")
    assert commands.send_registry_hints(by=WORKER) == 0
    assert commands.read_registry(by=WORKER, integration_id=site.row.pk) is None


def test_it_is_read_at_once_where_an_administrator_asks(world: Standing, site: Site) -> None:
    commands.read_registry(by=WORKER, integration_id=site.row.pk)
    commands.look_again(by=factories.administrator(), integration=site.row)
    assert RegistryPoll.objects.get().due_at <= datetime.now(UTC)
    assert Event.objects.filter(action="registry.asked").count() == 1
    with pytest.raises(Forbidden):
        commands.look_again(by=world.people["developer"], integration=site.row)
    with pytest.raises(Refused, match="no registry"):
        commands.look_again(by=factories.administrator(), integration=made("jenkins").row)
