from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.past import reading
from apps.inventory.commands import (
    add_use,
    assign_tier,
    change_model,
    declare_unit,
    register_model,
    rename_unit,
)
from apps.inventory.models import BusinessUnit, RegisteredModel
from apps.inventory.queries import current_tier
from tests import factories

pytestmark = pytest.mark.django_db


def registered(**fields) -> RegisteredModel:
    given = {
        "by": factories.developer(),
        "key": "credit-pd",
        "title": "Probability of default",
        "kind": "classifier",
        "unit": factories.unit(),
        "owner": factories.owner(),
        **fields,
    }
    return register_model(**given)


def test_a_model_is_registered_with_one_event():
    model = registered(exposure_eur="1250000.5", jurisdictions=["US", "EU", "US"])
    assert (model.exposure_eur, model.jurisdictions) == (Decimal("1250000.50"), ["US", "EU"])
    event = Event.objects.get(action="model.registered")
    assert event.doc["after"]["exposure_eur"] == "1250000.50"
    assert event.doc["after"]["owner"] == str(factories.owner().pk)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": "a/b"}, "key"),
        ({"key": ""}, "key"),
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "PD\u200b model"}, "title"),
        ({"kind": "oracle"}, "kind"),
        ({"purpose": "a\0b"}, "purpose"),
        ({"exposure_eur": "NaN"}, "exposure_eur"),
        ({"exposure_eur": "-0.01"}, "exposure_eur"),
        ({"exposure_eur": True}, "exposure_eur"),
        ({"jurisdictions": ["usa"]}, "jurisdictions"),
    ],
)
def test_what_cannot_be_registered_is_refused_by_name(fields, field):
    with pytest.raises(Invalid) as refused:
        registered(**fields)
    assert refused.value.field == field
    assert not RegisteredModel.objects.exists()


def test_a_model_is_registered_once():
    registered()
    with pytest.raises(Refused, match="credit-pd is registered already") as refused:
        registered()
    assert refused.value.code == "exists"


def test_who_may_register_is_a_matter_of_the_unit():
    elsewhere = factories.person("elsewhere", "developer", scope="unit", key=factories.unit("markets").key)
    with pytest.raises(Forbidden):
        registered(by=elsewhere)
    assert registered(by=elsewhere, key="var", unit=factories.unit("markets"))


def test_an_owner_is_a_person_who_signs_in():
    with pytest.raises(Invalid, match="cannot own a model"):
        registered(owner=factories.service())


def test_an_entry_is_mended_with_what_it_was_before():
    model = change_model(by=factories.developer(), model=registered(), title="PD, loans", reason="clearer")
    event = Event.objects.get(action="model.changed")
    assert model.title == "PD, loans"
    assert event.doc["before"] == {"title": "Probability of default"}
    assert event.doc["after"] == {"title": "PD, loans"}
    with pytest.raises(Invalid, match="Nothing would change"):
        change_model(by=factories.developer(), model=model, title="PD, loans", reason="again")


def test_a_unit_is_declared_once_by_an_administrator():
    assert factories.unit() == factories.unit()
    with pytest.raises(Refused, match="is there already"):
        declare_unit(by=factories.administrator(), key="retail", title="Another")
    with pytest.raises(Forbidden):
        declare_unit(by=factories.developer(), key="new", title="New")


def test_a_unit_is_renamed_and_the_past_keeps_its_title():
    unit, before = factories.unit(), timezone.now()
    renamed = rename_unit(by=factories.administrator(), unit=unit, title="Households", reason="a new name")
    assert (renamed.key, renamed.title) == ("retail", "Households")
    with reading(before):
        assert BusinessUnit.objects.get(key="retail").title == "Retail"
    with pytest.raises(Invalid, match="is called"):
        rename_unit(by=factories.administrator(), unit=unit, title="Households", reason="again")
    with pytest.raises(Forbidden):
        rename_unit(by=factories.developer(), unit=unit, title="Mine", reason="because")


def test_a_use_is_added_once():
    model = registered()
    assert add_use(by=factories.developer(), model=model, key="pricing") == add_use(
        by=factories.developer(), model=model, key="pricing"
    )
    assert Event.objects.filter(action="use.added").count() == 1


def tiered(model, tier, **fields):
    return assign_tier(
        **{"by": factories.head(), "model": model, "tier": tier, "rationale": "large", **fields}
    )


def test_the_newest_tier_holds_and_the_older_ones_are_kept():
    model = registered()
    assert current_tier(model) is None
    first = tiered(model, 2)
    tiered(model, 1)
    assert current_tier(model) == 1
    assert current_tier(model, as_of=first.assigned_at) == 2
    assert Event.objects.filter(action="tier.sealed").count() == 2
    events = Event.objects.filter(action="tier.assigned").order_by("occurred_at")
    assert [(e.doc["before"]["tier"], e.doc["after"]["tier"]) for e in events] == [(None, 2), (2, 1)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tier": 5}, "tier"),
        ({"tier": True}, "tier"),
        ({"tier": None}, "tier"),
        ({"rationale": ""}, "rationale"),
    ],
)
def test_a_tier_is_one_of_four_and_has_a_rationale(fields, field):
    with pytest.raises(Invalid) as refused:
        tiered(registered(), fields.pop("tier", 1), **fields)
    assert refused.value.field == field


def test_a_developer_assigns_no_tier():
    with pytest.raises(Forbidden, match="Head of model risk"):
        tiered(registered(), 4, by=factories.developer())


ANSWERS = {"purpose": "credit_decision", "exposure_eur": "60000000", "customer_impact": "cost"}


def test_answers_are_judged_by_the_scorecard_and_kept():
    model = registered()
    made = tiered(model, None, answers=ANSWERS)
    assert (made.tier, made.scorecard, made.answers) == (1, "materiality@1.1.0", ANSWERS)
    (event,) = Event.objects.filter(action="tier.assigned")
    assert event.doc["after"]["points"] == 17
    assert any("not answered, so it counts most" in reason for reason in event.doc["after"]["reasons"])


def test_a_changed_answer_gives_another_tier_and_keeps_the_older_one():
    model = registered()
    tiered(model, None, answers=ANSWERS)
    small = {"purpose": "marketing", "exposure_eur": "5", "customer_impact": "none", "complexity": "linear"}
    assert tiered(model, None, answers={**small, "autonomy": "person_decides"}).tier == 3
    assert [t.tier for t in model.tierings.all()] == [3, 1]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"porpose": "pricing"}, "no question"),
        ({"purpose": "pricng"}, "is no answer"),
        ({"exposure_eur": "x"}, "no number"),
    ],
)
def test_an_answer_that_the_scorecard_does_not_know_is_refused(answers, sentence):
    with pytest.raises(Invalid, match=sentence):
        tiered(registered(), None, answers=answers)


def test_a_draft_scorecard_names_the_models_that_would_move(tmp_path, settings):
    model = registered()
    tiered(model, None, answers=ANSWERS)
    draft = tmp_path / "draft.yaml"
    text = Path(settings.SCORECARD).read_text().replace("from_points: 12", "from_points: 18")
    draft.write_text(text.partition("cases:")[0])
    said = io.StringIO()
    call_command("tier_impact", str(draft), stdout=said)
    assert f"{model.key}: tier 1 → 2." in said.getvalue()


def test_a_draft_scorecard_whose_cases_fail_is_refused(tmp_path, settings):
    draft = tmp_path / "draft.yaml"
    draft.write_text(Path(settings.SCORECARD).read_text().replace("from_points: 12", "from_points: 18"))
    with pytest.raises(CommandError, match=r"A case of draft\.yaml fails"):
        call_command("tier_impact", str(draft))
