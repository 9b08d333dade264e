"""A yes that one should not get: names and digests that are nearly right, time that has passed, clocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.approvals.models import Approval
from apps.audit.errors import Invalid
from apps.deploys.commands import admit
from apps.deploys.facts import gather
from apps.deploys.models import Admission, Environment
from apps.engine.admit import Request
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def ask(**changes: str) -> Admission | None:
    """The answer; None where the request itself is refused."""
    asked = {"model": "credit-pd", "version": "1", "environment": "production", **changes}
    try:
        return admit(by=factories.service(), **asked)
    except Invalid:
        return None


def granted(**limits: Any) -> Approval:
    approval = bank.granted(**limits)
    bank.reported(approval, signers=(factories.validator(), factories.risk_officer()))
    return approval


NEARLY: dict[str, Callable[[str], dict[str, str]]] = {
    "another case of the model": lambda d: {"model": "Credit-PD"},
    "another hyphen": lambda d: {"model": "credit\u2010pd"},
    "a look-alike": lambda d: {"model": "\u0441redit-pd"},
    "another digit": lambda d: {"version": "\uff11"},
    "a zero first": lambda d: {"version": "01"},
    "a point after": lambda d: {"version": "1.0"},
    "another case of the environment": lambda d: {"environment": "Production"},
    "a pattern": lambda d: {"environment": "prod%"},
    "another use": lambda d: {"use": "insurance"},
    "another algorithm": lambda d: {"digest": d.replace("sha256", "sha1")},
    "another letter": lambda d: {"digest": d[:-1] + ("0" if d[-1] != "0" else "1")},
    "a shorter digest": lambda d: {"digest": d[:-1]},
    "nothing but the algorithm": lambda d: {"digest": "sha256:"},
    "a digest of nothing": lambda d: {"digest": "sha256:" + "0" * 64},
}


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_nearly_right_is_not_allowed(name: str) -> None:
    approval = granted()
    honest = ask(digest=approval.version.digest)
    assert honest is not None
    assert honest.allowed, honest.reasons
    answer = ask(**NEARLY[name](approval.version.digest))
    assert answer is None or not answer.allowed, answer.reasons


def outcome(approval: Approval, at: datetime) -> str:
    """What the gate would say at that moment."""
    place = Environment.objects.get(key="production")
    request = Request(model="credit-pd", version="1", use=approval.use.key, environment="production")
    return gather(approval.version, approval.use, place, at).answer(request, at).outcome


def test_a_grant_ends_at_its_second_and_not_after_it() -> None:
    until = (timezone.now() + timedelta(hours=3)).replace(microsecond=0)
    approval = granted(until=until.isoformat())
    assert outcome(approval, until - timedelta(microseconds=1)).startswith("allow")
    for late in (timedelta(0), timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=400)):
        assert outcome(approval, until + late) == "deny"


def test_nothing_is_allowed_before_it_was_granted() -> None:
    approval = granted()
    assert not outcome(approval, timezone.now() - timedelta(days=30)).startswith("allow")


def at_clock(monkeypatch: pytest.MonkeyPatch, apart: timedelta) -> None:
    """The service's clock is wrong by so much; the database's is right."""
    right = timezone.now
    monkeypatch.setattr("django.utils.timezone.now", lambda: right() + apart)


@pytest.mark.slow
def test_a_clock_that_is_behind_revives_no_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    until = datetime.now(UTC) + timedelta(seconds=15)
    approval = granted(until=until.isoformat())
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.2)
    at_clock(monkeypatch, timedelta(seconds=-2))
    assert outcome(approval, timezone.now()).startswith("allow")
    answer = ask()
    assert answer is not None
    assert not answer.allowed, answer.reasons


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_hides_no_missing_witness(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setattr(
        "apps.deploys.facts.why_nothing_is_admitted", lambda now=None: "No witness has vouched for the log."
    )
    at_clock(monkeypatch, timedelta(minutes=minutes))
    answer = ask()
    assert answer is not None
    assert not answer.allowed, answer.reasons
