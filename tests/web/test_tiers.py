from __future__ import annotations

import pytest

from apps.inventory.queries import current_tier, find_model
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
SMALL = "purpose=marketing&exposure_eur=5&customer_impact=none&complexity=linear&autonomy=person_decides"


def test_the_questions_show_what_a_tier_asks_for_before_it_is_given(world: Standing) -> None:
    shown = plain(Browser(world.people["head-of-model-risk"]).get(f"/models/credit-pd/tier?judge=1&{SMALL}"))
    assert "2 points are tier 3." in shown
    assert "For the use" in shown
    assert "Signatures" in shown


def test_answers_become_the_tier_with_their_rationale(world: Standing) -> None:
    head = Browser(world.people["head-of-model-risk"])
    fields = dict(pair.split("=") for pair in SMALL.split("&"))
    shown = plain(head.send("/models/credit-pd/tier/assign", **fields, rationale="Only letters now."))
    assert "is tier 3." in shown
    assert "Only letters now." in shown
    assert current_tier(find_model(world.people["head-of-model-risk"], "credit-pd")) == 3


def test_whoever_may_not_is_shown_why(world: Standing) -> None:
    shown = Browser(factories.developer()).get(f"/models/credit-pd/tier?judge=1&{SMALL}")
    assert "disabled" in shown
    assert "why-not-tier" in shown


def test_an_unknown_answer_is_refused_with_a_sentence(world: Standing) -> None:
    shown = Browser(world.people["head-of-model-risk"]).get("/models/credit-pd/tier?purpose=toys", status=422)
    assert "is no answer" in plain(shown)
