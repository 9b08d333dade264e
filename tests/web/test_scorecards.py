from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from apps.inventory.models import ScorecardProposal
from apps.inventory.scorecards import scorecard
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
SHIPPED = Path(settings.SCORECARD).read_text()
DRAFT = SHIPPED.replace("version: 1.1.0", "version: 1.3.0").replace("network: 3", "network: 4")


def author(world: Standing) -> Browser:
    return Browser(world.people["model-risk-policy"])


def test_the_scorecard_in_force_is_for_everybody_to_read(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get("/scorecard"))
    assert "materiality 1.1.0" in shown
    assert "from 12 points, looked at again after 365 days" in shown
    assert "Offered for release" in shown


def test_a_draft_shows_who_would_move_before_it_is_offered(world: Standing) -> None:
    draft = DRAFT.replace("from_points: 12", "from_points: 13")
    shown = plain(author(world).send("/scorecard/propose", text=draft, act="preview"))
    assert "Tier 1: from 12 points → 13 points (milder)." in shown
    assert "Not ready to be offered" in shown
    assert ScorecardProposal.objects.count() == 1


def test_a_second_person_releases_what_was_offered(world: Standing) -> None:
    author(world).send("/scorecard/propose", text=DRAFT, note="Networks count more.", act="offer")
    offered = ScorecardProposal.objects.get(version="1.3.0")
    place = f"/scorecard/proposals/{offered.pk}"
    second = Browser(factories.person("second-author", "model-risk-policy"), fresh=True)
    shown = plain(second.get(place))
    assert "How hard the model is to understand: network 3 points → 4 points." in shown
    assert "is released and judges from now on" in plain(second.send(f"{place}/release"))
    assert scorecard().version == "1.3.0"


def test_whoever_proposed_sees_why_they_cannot_release(world: Standing) -> None:
    place = f"/scorecard/proposals/{ScorecardProposal.objects.get().pk}"
    assert "A scorecard is released by a second person" in plain(author(world).get(place))


def test_a_release_asks_for_the_password_again(world: Standing) -> None:
    place = f"/scorecard/proposals/{ScorecardProposal.objects.get().pk}"
    second = Browser(factories.person("second-author", "model-risk-policy"))
    answer = second.client.post(f"{place}/release")
    assert answer["Location"] == f"/reauthenticate?next={place}"


def test_a_broken_draft_comes_back_with_line_and_text(world: Standing) -> None:
    broken = DRAFT.replace("questions:", "question:")
    shown = author(world).send("/scorecard/propose", on="/scorecard/propose", text=broken, act="offer")
    assert 'Did you mean "questions"?' in plain(shown)
    assert "version: 1.3.0" in shown
