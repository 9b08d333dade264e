"""F23 with the real processes: the witness is away for longer than the limits, then it comes back."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from typing import Any

import pytest

from apps.access import commands as access
from tests import factories
from tests.stack import LiveStack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
]


@pytest.fixture
def hasty_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_WITNESS_EVERY_SECONDS", "1")
    monkeypatch.setenv("COUNTERSIGN_ANCHOR_AMBER_SECONDS", "65")
    monkeypatch.setenv("COUNTERSIGN_ANCHOR_RED_SECONDS", "70")


def health(stack: LiveStack, token: str) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        f"{stack.address}/api/v1/health/log?strict=1", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            told: dict[str, Any] = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        told = json.loads(error.read()) | {"http": error.code}
    return told


def test_a_witness_that_is_away_turns_health_red_and_back(hasty_limits: None, live_stack: LiveStack) -> None:
    dev = factories.developer()
    token = access.issue_token(by=dev, person=dev, name="monitor", scopes=("model.see",))[1]
    live_stack.until(lambda: health(live_stack, token)["status"] == "green")
    pid = live_stack.pid("witness")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    live_stack.until(lambda: health(live_stack, token)["status"] == "red", patience=150)
    told = health(live_stack, token)
    assert (told["http"], told["admits"]) == (503, False)
    assert "No witness has vouched for the log since" in told["why"]
    os.kill(pid, signal.SIGCONT)
    live_stack.until(lambda: health(live_stack, token)["status"] == "green", patience=60)
