"""The health of the log: on its own page, and at the top of every other while nothing is admitted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone

from apps.audit.anchoring import standing
from tests.standing import Standing
from tests.web.browsing import Browser, plain


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(standing, "_TELL_EVERY", 0.0)
    yield
    standing._told.clear()


def stop(reason: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE cs_seq")
        cursor.execute(
            "INSERT INTO audit_logstop (k, reason, at) VALUES (1, %s, %s)", [reason, timezone.now()]
        )
        cursor.execute("RESET ROLE")


def test_while_nothing_is_admitted_every_page_says_so(world: Standing) -> None:
    browser = Browser(world.people["validator"])
    assert "Nothing is admitted." not in browser.get("/models")
    stop("events 9 to 11 are <lost>")
    shown = browser.get("/models")
    assert "Nothing is admitted." in shown
    assert shown.count("events 9 to 11 are &lt;lost&gt;") == 1
    assert browser.get("/health").count("events 9 to 11 are &lt;lost&gt;") == 1


def test_the_health_page_says_who_stamps_time(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get("/health"))
    assert "Time is stamped by" in shown
    assert "a test authority of this installation, which proves no time to anybody else" in shown
