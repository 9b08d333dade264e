from __future__ import annotations

import pytest

from apps.inventory.models import Determination, RegimeDecision
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
MODEL = "/models/credit-pd"


def head(world: Standing) -> Browser:
    return Browser(world.people["head-of-model-risk"])


def test_every_regime_is_shown_undecided_with_what_is_suggested_and_its_citation(world: Standing) -> None:
    shown = plain(head(world).get(f"{MODEL}/regimes"))
    assert "are undecided and count as applying" in shown
    assert "Suggested: applies. Used in the United States." in shown
    assert "(SR 26-2 §§I and II)" in shown
    assert "the citation is from memory and must be looked up" in shown


def test_a_decision_is_shown_with_who_and_why_and_on_the_record(world: Standing) -> None:
    fields = {"regime": "uk-ss1-23", "applies": "no", "rationale": "Not used there."}
    shown = plain(head(world).send(f"{MODEL}/regimes/decide", **fields))
    assert "uk-ss1-23 does not apply to credit-pd." in shown
    assert "Not used there." in shown
    assert "out of scope: uk-ss1-23" in plain(head(world).get(MODEL))


def test_a_form_without_an_answer_comes_back_with_what_was_typed(world: Standing) -> None:
    fields = {"regime": "uk-ss1-23", "applies": "", "rationale": "Not used there, says legal."}
    shown = head(world).send(f"{MODEL}/regimes/decide", on=f"{MODEL}/regimes", **fields)
    assert "Please choose whether the regime applies." in plain(shown)
    assert "Not used there, says legal." in shown
    assert not RegimeDecision.objects.exists()


def test_its_owner_is_told_that_somebody_else_takes_it_out(world: Standing) -> None:
    shown = Browser(world.people["owner"]).get(f"{MODEL}/regimes")
    assert "somebody else decides that a regime does not apply" in plain(shown)


def test_whoever_may_not_is_shown_why(world: Standing) -> None:
    shown = Browser(factories.developer()).get(f"{MODEL}/regimes")
    assert "why-not-regime" in shown
    assert "Head of model risk" in plain(shown)


NO = {"estimates": "no", "theory": "no", "inferred": "no", "generative": "no", "assumptions": "no"}


def test_the_questions_show_what_each_definition_says_before_it_is_kept(world: Standing) -> None:
    asked = "&".join(f"{name}={answer}" for name, answer in NO.items())
    shown = plain(head(world).get(f"{MODEL}/determination?judge=1&{asked}"))
    assert "It gives no quantitative estimate." in shown
    assert "SR 26-2 §III and fn 3" in shown
    assert not Determination.objects.exists()


def test_a_determination_is_kept_and_the_list_can_be_asked_for_it(world: Standing) -> None:
    person = head(world)
    shown = plain(person.send(f"{MODEL}/determination/determine", **NO, rationale="A sum."))
    assert "non-model; asked again by" in shown
    assert "no model" in shown
    assert MODEL in person.get("/models?determination=non-model")
    assert MODEL not in person.get("/models?determination=none")


@pytest.mark.parametrize(("scope", "there"), [("", True), ("in", True), ("out", False), ("undecided", True)])
def test_the_list_can_be_asked_for_a_regime(world: Standing, scope: str, there: bool) -> None:
    found = head(world).get(f"/models?regime=us-sr26-2&scope={scope}")
    assert (f'href="{MODEL}"' in found) is there


@pytest.mark.parametrize("query", ["regime=us-sr26", "regime=us-sr26-2&scope=some", "determination=maybe"])
def test_a_filter_that_is_none_is_refused(world: Standing, query: str) -> None:
    assert "is no" in plain(head(world).get(f"/models?{query}", status=422)).lower().replace(
        "there is no", "is no"
    )


def test_a_day_that_is_none_is_refused_with_a_sentence(world: Standing) -> None:
    fields = {**NO, "rationale": "A sum.", "ask_again": "soon"}
    page = f"{MODEL}/determination"
    assert "is no day" in plain(head(world).send(f"{page}/determine", on=page, **fields))
