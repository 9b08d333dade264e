from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event, Statement
from apps.audit.trail import contents
from apps.engine.regimes import known
from apps.inventory.commands import assign_tier, decide_regime, determine
from apps.inventory.determinations import asked_again, determination_of, regime_history, regime_lines
from apps.inventory.models import Determination, RegimeDecision, RegisteredModel, Tiering
from apps.inventory.sealed import says_regime, says_tier, sealed_fields
from tests import factories

pytestmark = pytest.mark.django_db
FORGED = "sha256:" + "0" * 64


@pytest.fixture
def version(db: None):
    return factories.version()


def decided(model: RegisteredModel, applies: bool = False, **changes) -> RegimeDecision:
    given = {"by": factories.head(), "regime": "us-sr26-2", "rationale": "It is generative.", **changes}
    return decide_regime(model=model, applies=applies, **given)


def fields(version) -> dict:
    return sealed_fields(version, version.model.uses.get()).fields


def test_what_nobody_decided_applies(version) -> None:
    assert fields(version)["model.regimes"] == list(known())
    assert {line.state for line in regime_lines(version.model)} == {"undecided"}


def test_a_decision_takes_one_regime_away_and_a_newer_one_brings_it_back(version) -> None:
    first = decided(version.model)
    assert "us-sr26-2" not in fields(version)["model.regimes"]
    second = decided(version.model, True, rationale="It scores after all.")
    assert "us-sr26-2" in fields(version)["model.regimes"]
    assert second.supersedes == first.statement_digest
    assert regime_history(version.model) == [second, first]


def test_a_decision_is_sealed_with_its_reason(version) -> None:
    row = decided(version.model)
    said = json.loads(bytes(Statement.objects.get(pk=row.statement_digest).payload))["predicate"]
    assert (said["regime"], said["applies"], said["rationale"]) == ("us-sr26-2", False, "It is generative.")
    (event,) = Event.objects.filter(action="regime.decided")
    assert event.doc["after"]["statement"] == row.statement_digest


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"regime": "us-sr26"}, "regime"), ({"rationale": " "}, "rationale"), ({"applies": "no"}, "applies")],
)
def test_what_cannot_be_decided_is_refused_by_name(version, changes, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        decided(version.model, **{"applies": False, **changes})
    assert refusal.value.field == field
    assert not RegimeDecision.objects.exists()


def test_the_same_answer_for_the_same_reason_is_no_decision(version) -> None:
    decided(version.model)
    with pytest.raises(Refused, match="does not apply to credit-pd already"):
        decided(version.model)


def test_whoever_owns_it_does_not_take_it_out_of_a_regime(version) -> None:
    with pytest.raises(Forbidden, match="somebody else decides"):
        decided(version.model, by=factories.owner())
    assert decided(version.model, True, by=factories.owner()).applies


def test_a_developer_decides_nothing(version) -> None:
    with pytest.raises(Forbidden, match="Head of model risk"):
        decided(version.model, by=factories.developer())


def forged_regime(model: RegisteredModel, **changes) -> RegimeDecision:
    given = {"regime": "us-sr26-2", "rationale": "forged", "statement_digest": FORGED, **changes}
    return RegimeDecision.objects.create(model=model, applies=False, decided_by=factories.head(), **given)


def test_a_row_that_nobody_signed_narrows_nothing(version) -> None:
    forged_regime(version.model)
    assert fields(version)["model.regimes"] == list(known())
    line = next(line for line in regime_lines(version.model) if line.regime == "us-sr26-2")
    assert (line.applies, line.genuine) == (True, False)


def test_a_statement_of_another_model_narrows_nothing(version) -> None:
    other = factories.model("card-limit")
    sealed = decided(other).statement_digest
    row = RegimeDecision(
        model=version.model,
        regime="us-sr26-2",
        applies=False,
        rationale="It is generative.",
        decided_by=factories.head(),
        statement_digest=sealed,
    )
    assert says_regime(contents([sealed]), row, other)
    assert not says_regime(contents([sealed]), row, version.model)


def test_the_fields_name_the_statements_that_they_rest_on(version) -> None:
    tier = assign_tier(by=factories.head(), model=version.model, tier=2, rationale="x").statement_digest
    regime = decided(version.model).statement_digest
    found = sealed_fields(version, version.model.uses.get())
    assert found.statements == tuple(sorted([tier, regime]))
    assert found.fields["model.tier"] == 2


def test_a_tier_that_nobody_signed_counts_as_unknown(version) -> None:
    assign_tier(by=factories.head(), model=version.model, tier=1, rationale="x")
    Tiering.objects.create(
        model=version.model, tier=4, rationale="x", assigned_by=factories.head(), statement_digest=FORGED
    )
    assert fields(version)["model.tier"] is None


ANSWERS = {"estimates": "no", "theory": "no", "assumptions": "no", "inferred": "no", "generative": "no"}


def made(model: RegisteredModel, **changes) -> Determination:
    given = {"by": factories.head(), "answers": ANSWERS, "rationale": "A sum in a spreadsheet.", **changes}
    return determine(model=model, **given)


def test_a_determination_is_kept_with_each_definition_and_asked_again() -> None:
    model = factories.model()
    row = made(model)
    assert (row.outcome, row.outcomes["us-sr26-2"]["outcome"]) == ("non-model", "non-model")
    assert row.ask_again == timezone.now().date() + timedelta(days=365)
    found = determination_of(model)
    assert found is not None
    assert (found.genuine, found.due) == (True, False)
    assert determination_of(model, row.ask_again).due
    assert Event.objects.filter(action="determination.made").count() == 1


def test_a_determination_suggests_the_scope_of_its_regimes_until_it_is_due() -> None:
    model = factories.model()
    made(model)
    line = next(line for line in regime_lines(model) if line.regime == "us-sr26-2")
    assert (line.state, line.suggestion.applies) == ("undecided", False)
    assert "By its determination" in line.suggestion.because


@pytest.mark.parametrize(("days", "right"), [(30, True), (0, False), (366, False)])
def test_it_is_asked_again_no_later_than_the_questionnaire_says(days: int, right: bool) -> None:
    day = timezone.now().date() + timedelta(days=days)
    if right:
        assert made(factories.model(), ask_again=day).ask_again == day
        return
    with pytest.raises(Invalid, match="asked again"):
        made(factories.model(), ask_again=day)


def test_an_answer_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid, match="yes or no"):
        made(factories.model(), answers={"theory": "maybe"})
    assert not Determination.objects.exists()


def test_a_determination_that_nobody_signed_is_told() -> None:
    model = factories.model()
    fields = {"outcomes": {}, "answers": {}, "questionnaire": {}, "ask_again": timezone.now().date()}
    Determination.objects.create(
        model=model,
        outcome="non-model",
        rationale="x",
        determined_by=factories.head(),
        statement_digest=FORGED,
        **fields,
    )
    assert not determination_of(model).genuine


def test_an_owner_is_asked_again_when_the_day_comes() -> None:
    model = factories.model()
    row = made(model)
    tier = assign_tier(by=factories.head(), model=model, answers={"purpose": "internal"}, rationale="x")
    owner, day = factories.owner(), row.ask_again
    assert asked_again(owner) == []
    found = asked_again(owner, day - timedelta(days=30))
    assert {(one.page, one.due) for one in found} == {("determination", day), ("tier", tier.review_due)}
    assert asked_again(factories.head(), day) == []


def test_the_database_takes_no_new_tier_without_a_statement() -> None:
    row = Tiering(model=factories.model(), tier=4, rationale="x", assigned_by=factories.head())
    assert says_tier({}, row, row.model)  # what stood there before statements did
    with pytest.raises(IntegrityError, match="tiering_sealed"):
        row.save(force_insert=True)
