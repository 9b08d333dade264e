from __future__ import annotations

import pytest
from django.utils import timezone

from apps.approvals import commands as approvals
from apps.inventory import commands as inventory
from apps.web.past import still
from tests.standing import Standing
from tests.web.browsing import Browser, plain


@pytest.fixture
def head(world: Standing) -> Browser:
    return Browser(world.people["head-of-model-risk"])


def now() -> str:
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_pages_show_what_stood_there_with_a_banner_and_without_buttons(
    head: Browser, world: Standing
) -> None:
    at = now()
    inventory.change_model(
        by=world.people["developer"], model=world.granted.version.model, title="Renamed", reason="for a test"
    )
    approvals.revoke(by=world.people["head-of-model-risk"], approval=world.granted, reason="for a test")
    for path in ("/models", "/models/credit-pd", f"/reviews/{world.granted.pk}", "/reviews", "/findings"):
        page = head.get(f"{path}?at={at}")
        assert "As of" in plain(page)
        assert "Renamed" not in page
        assert 'method="post"' not in page.partition("<main")[2]
    assert "revoked" not in plain(head.get(f"/reviews/{world.granted.pk}?at={at}"))
    assert "Renamed" in head.get("/models/credit-pd")


@pytest.mark.parametrize(
    "path",
    ["/findings", "/waivers", "/decisions", "/policies", "/coverage", "/events", "/experiments", "/lineage"],
)
def test_lists_of_an_early_time_are_empty_and_whole(head: Browser, path: str) -> None:
    assert "As of 1 Mar 2026, 12:00:00" in plain(head.get(f"{path}?at=2026-03-01T12:00"))


def test_what_was_not_there_is_not_found(head: Browser) -> None:
    head.get("/models/credit-pd?at=2026-03-01T12:00:00Z", status=404)
    head.get("/models?at=tomorrow", status=422)
    assert "today only" in head.get("/?at=2026-03-01T12:00:00Z", status=422)


def test_links_stay_in_their_time() -> None:
    page = '<a href="/models/x?a=1#top">x</a><a href="/costs">y</a><form method="get" class="z">'
    found = still(
        f'{page}</form><form class="a" method="post"><b>no</b></form><!-- today --><a href="/models">', "T"
    )
    assert '<a href="/models/x?a=1&amp;at=T#top">' in found
    assert '<a href="/costs">' in found
    assert '<form method="get" class="z"><input type="hidden" name="at" value="T">' in found
    assert "no" not in found
