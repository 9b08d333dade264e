"""The real processes: a delivery over HTTP, a worker that asks and tells."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.integrations.site import Elsewhere, made
from tests.stack import LiveStack


@pytest.mark.slow
def test_a_delivery_is_answered_by_a_worker(live_stack: LiveStack, elsewhere: Elsewhere) -> None:
    site = made("jenkins", hosts=elsewhere.host)
    body = {
        "id": "job#1",
        "job": "job",
        "environment": "production",
        "hook": f"{elsewhere.url}/webhook-step/0d4c5c51-90c3",
        "hook_token": "let-me-in",
    }
    headers = {"Authorization": f"Bearer {site.secrets['webhook']}", "Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310
        f"{live_stack.address.rstrip('/')}{site.address}", data=json.dumps(body).encode(), headers=headers
    )

    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.status == 202
    live_stack.until(lambda: bool(elsewhere.told()))

    (sent,) = elsewhere.told()
    assert (sent.json["allowed"], sent.json["outcome"]) == (False, "deny")
    assert "Nothing is bound" in sent.json["reasons"][0]
