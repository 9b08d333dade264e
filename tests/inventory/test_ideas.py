"""Records opened before there is a version, and what resembles them."""

from __future__ import annotations

import pytest

from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.inventory import commands
from apps.inventory.models import Idea, RegisteredModel
from apps.inventory.prior_art import nearest
from apps.inventory.queries import current_tier
from tests import factories

pytestmark = pytest.mark.usefixtures("db")
ANSWERS = {
    "purpose": "marketing",
    "exposure_eur": "5",
    "customer_impact": "none",
    "complexity": "linear",
    "autonomy": "person_decides",
}


def opened(by=None, **changes) -> RegisteredModel:
    fields = {
        "key": "churn",
        "title": "Customers who leave",
        "kind": "classifier",
        "unit": factories.unit(),
        "owner": factories.owner(),
        "use": "retention_offers",
        "answers": ANSWERS,
        **changes,
    }
    return commands.open_idea(by=by or factories.developer(), **fields)


def test_an_idea_needs_no_version_and_keeps_what_was_answered():
    model = opened()
    idea = Idea.objects.get(model=model)
    assert (idea.use, idea.answers, model.versions.count()) == ("retention_offers", ANSWERS, 0)
    assert [use.key for use in model.uses.all()] == ["retention_offers"]
    assert Event.objects.filter(action="idea.opened", object_id=str(model.pk)).count() == 1


def test_who_may_give_the_tier_gives_it_and_of_others_it_waits():
    assert current_tier(opened()) is None
    assert current_tier(opened(by=factories.owner(), key="churn-2")) == 3


def test_a_wrong_answer_leaves_nothing_behind():
    with pytest.raises(Invalid, match="toys"):
        opened(answers={"purpose": "toys"})
    assert not RegisteredModel.objects.filter(key="churn").exists()


def test_the_nearest_models_are_named_and_kept_as_shown():
    factories.model("credit-pd")
    found = nearest(factories.developer(), key="pd-2", title="Probability of default of loans")
    assert found[0].model.key == "credit-pd"
    model = opened(key="pd-2", title="Probability of default of loans")
    assert Idea.objects.get(model=model).shown == ["credit-pd"]


def test_nobody_is_shown_a_model_of_elsewhere():
    factories.model("credit-pd")
    elsewhere = factories.person("far", "developer", scope="unit", key=factories.unit("far").key)
    assert nearest(elsewhere, key="credit-pd", title="Probability of default") == []


def test_whoever_registers_nothing_opens_none():
    with pytest.raises(Forbidden):
        opened(by=factories.validator())


def test_a_word_of_the_addresses_is_no_name():
    with pytest.raises(Invalid, match='"new" cannot be the key'):
        opened(key="new")
    with pytest.raises(Invalid, match='"new" cannot be the version'):
        factories.version(label="new")
