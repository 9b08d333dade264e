"""The deploy gate: limits, expiry, renewals, wrong values, and what it costs to ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.errors import Forbidden, Invalid
from apps.audit.queries import keys
from apps.deploys import queries
from apps.deploys.commands import admit, ask_again, declare_environment
from apps.deploys.models import Admission
from apps.engine.cosignature import Cosigner
from apps.engine.statement import NotGenuine
from apps.engine.verified import Question
from apps.engine.verify import examine
from apps.inventory import commands as inventory
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def ask(**changes: str) -> Admission:
    asked = {"model": "credit-pd", "version": "1", "environment": "production", **changes}
    return admit(by=factories.service(), **asked)


def codes(admission: Admission) -> set[str]:
    return {reason["code"] for reason in admission.reasons}


def test_a_limit_of_exposure_denies_where_the_exposure_is_unknown() -> None:
    bank.granted(max_exposure_eur="1000")
    assert (ask().outcome, codes(ask())) == ("deny", {"limit_exposure"})


@pytest.mark.parametrize(
    ("owned", "stated", "outcome"),
    [
        ("900", "", "allow_with_limits"),
        ("900", "1000", "allow_with_limits"),
        ("900", "1000.01", "deny"),
        ("1001", "5", "deny"),
    ],
)
def test_exposure_of_the_model_and_of_the_request_lie_within_the_limit(owned, stated, outcome) -> None:
    approval = bank.granted(max_exposure_eur="1000")
    inventory.change_model(
        by=factories.owner(), model=approval.version.model, exposure_eur=owned, reason="counted"
    )
    assert ask(exposure_eur=stated).outcome == outcome


@pytest.mark.parametrize("text", ["much", "-1", "NaN", "Infinity", "1e99"])
def test_an_exposure_is_an_amount(text: str) -> None:
    with pytest.raises(Invalid, match=r"euros|digits") as refused:
        ask(exposure_eur=text)
    assert refused.value.field == "exposure_eur"
    assert not Admission.objects.exists()


@pytest.mark.parametrize("field", ["model", "version", "environment"])
@pytest.mark.parametrize("text", ["", "\0", "a\u202eb", "x" * 5000])
def test_what_is_no_name_is_refused_and_nothing_is_written(field: str, text: str) -> None:
    with pytest.raises(Invalid):
        ask(**{field: text})
    assert not Admission.objects.exists()


def test_an_environment_limit_and_a_day(small_bank: None) -> None:
    declare_environment(by=factories.administrator(), key="staging", title="Staging")
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    bank.granted(environments=["staging"], until=until)
    assert "limit_environment" in codes(ask())
    assert ask(environment="staging").outcome == "allow_with_limits"


def test_an_answer_ends_within_a_day_and_says_so_everywhere_alike() -> None:
    bank.granted()
    answer = ask()
    told = json.loads(bytes(answer.answer))
    sealed = _sealed(told)
    assert timedelta(hours=23) < answer.expires_at - answer.asked_at <= timedelta(hours=24)
    assert told["expires_at"] == sealed["notAfter"] == f"{answer.expires_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert sealed["asked"] == {"digest": "", "population": "", "jurisdiction": "", "exposureEur": ""}


def test_the_whole_answer_is_verified_word_by_word() -> None:
    bank.granted()
    told = json.loads(bytes(ask().answer))
    question = Question(at=datetime.now(UTC), keys=keys(), environment="production")
    assert examine(json.dumps(told).encode(), question).allowed
    request = told["request"]
    others = [{"request": request | {name: "other"}} for name in request]
    for other in (*others, {"limits": {"max_amount": 1}}, {"id": "0"}, {"statement_digest": "0"}):
        with pytest.raises(NotGenuine, match="what was signed says"):
            examine(json.dumps(told | other).encode(), question)


def _sealed(told: dict) -> dict:
    import base64

    payload = json.loads(base64.b64decode(told["statement"]["payload"]))
    return payload["predicate"]["countersign"]


def test_no_answer_outlives_the_grant() -> None:
    ends = datetime.now(UTC) + timedelta(minutes=5)
    bank.granted(until=ends.isoformat())
    assert ask().expires_at == ends


def test_a_grant_goes_on_while_its_renewal_is_reviewed() -> None:
    granted = bank.granted()
    bank.measured(granted.version)
    renewal = bank.resubmitted(granted.version, by=granted.submitter)
    assert ask().allowed
    bank.signed(renewal, factories.validator(), "reject")
    assert ask().allowed
    bank.signed(renewal, factories.risk_officer())
    assert "approval_rejected" in codes(ask())


def test_a_pending_question_is_asked_again_with_what_was_said() -> None:
    approval = bank.submitted()
    first = ask(population="adults")
    assert ask_again(by=factories.service(), admission=first) == first
    bank.granted(approval, population="adults")
    again = ask_again(by=factories.service(), admission=first)
    assert (again.outcome, again.population) == ("allow_with_limits", "adults")


def test_only_who_may_ask_is_answered() -> None:
    with pytest.raises(Forbidden):
        admit(by=factories.developer(), model="credit-pd", version="1", environment="production")


def test_a_version_elsewhere_is_unknown_to_a_pipeline_of_another_unit() -> None:
    bank.granted()
    factories.unit("markets")
    by = factories.person("other-pipeline", "pipeline", scope="unit", key="markets", is_service=True)
    answer = admit(by=by, model="credit-pd", version="1", environment="production")
    assert codes(answer) == {"unknown_version"} | codes(answer) - {"allowed"}
    assert not answer.allowed


def test_the_standing_of_a_version_costs_few_queries_however_many_environments() -> None:
    approval = bank.granted()
    for number in range(6):
        declare_environment(by=factories.administrator(), key=f"region-{number}", title="Region")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        answers = queries.deployable(approval.version, approval.use)
    assert len(answers) == 7
    assert len(seen) <= 30, [q["sql"][:80] for q in seen]


def test_the_feed_goes_on_where_the_page_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    for _ in range(5):
        ask(version="99")
    by, seen, cursor = factories.service(), [], None
    for _ in range(3):
        page = queries.decision_feed(by, {"outcome": "deny"}, cursor)
        seen, cursor = seen + page.rows, page.next
    assert cursor is None
    assert len({a.pk for a in seen}) == 5


def test_a_cursor_that_nobody_gave_is_refused() -> None:
    with pytest.raises(Invalid):
        queries.decision_feed(factories.service(), {}, "tomorrow")


def test_a_request_for_the_unknown_is_seen_by_who_sees_all_answers(small_bank: None) -> None:
    asked = admit(by=factories.service(), model="nobody-knows-it", version="1", environment="production")

    seen = queries.decision_feed(factories.risk_officer(), {}, None).rows
    scoped = factories.person("far-away", "validator", scope="unit", key=factories.unit("elsewhere").key)

    assert asked in seen
    assert asked not in queries.decision_feed(scoped, {}, None).rows


def test_nothing_is_allowed_while_nobody_outside_vouches_for_the_log(settings) -> None:
    """F23. A witness is configured and was never reached: the log says why, and a refusal stays one."""
    bank.granted()
    key = Cosigner("witness.example/w1", bytes(32)).text()
    settings.WITNESSES = [f"{key}@https://witness.example"]
    found = ask()
    assert (found.outcome, found.allowed, codes(found)) == ("error", False, {"log_not_anchored"})
    assert "No witness was ever asked" in found.reasons[0]["message"]
    assert ask(environment="elsewhere").outcome == "deny"
    settings.WITNESSES = []
    assert ask().allowed
