"""Experiments: a share, a time, a rule that stops them, and two versions that may each run there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.deploys import experiments
from apps.deploys.commands import (
    admit,
    begin_experiment,
    end_experiment,
    mind_experiments,
    report_result,
)
from apps.deploys.commands.experiments import Plan
from apps.deploys.models import Admission, Environment, Experiment, ExperimentEnd
from apps.gates.models import Decision
from apps.inventory.models import ModelVersion
from tests import factories
from tests.flows import bank
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]

RELAY = system("relay")


@pytest.fixture
def two(world: Standing) -> tuple[ModelVersion, ModelVersion]:
    """Champion and challenger, each approved."""
    return world.granted.version, bank.granted(world.waiting).version


@pytest.fixture
def experiment(two: tuple[ModelVersion, ModelVersion]) -> Experiment:
    return begun(two)


def begun(two: tuple[ModelVersion, ModelVersion], **changes: Any) -> Experiment:
    by = changes.pop("by", None) or factories.owner()
    plan = {
        "title": "Newer data",
        "environment": Environment.objects.get(key="production"),
        "slot": "scoring/credit-pd",
        "share": "20",
        "begins": None,
        "ends": timezone.now() + timedelta(days=14),
        "reason": "Does the newer one decide better?",
        **changes,
    }
    return begin_experiment(
        by=by, use=bank.use_of(two[0]), champion=two[0], challenger=two[1], plan=Plan(**plan)
    )


def asked(row: Experiment, version: ModelVersion, share: str = "20", **more: str) -> Admission:
    given = {"model": version.model.key, "version": version.label, "environment": "production", **more}
    return admit(by=factories.service(), experiment=str(row.pk), share=share, **given)


def codes(answer: Admission) -> set[str]:
    return {reason["code"] for reason in answer.reasons}


def test_both_arms_are_allowed_until_it_ends_and_the_answer_says_so(experiment: Experiment) -> None:
    champion = asked(experiment, experiment.champion, "80")
    challenger = asked(experiment, experiment.challenger)
    assert (champion.allowed, challenger.allowed) == (True, True)
    assert challenger.expires_at is not None
    assert challenger.expires_at <= experiment.ends_at
    assert (challenger.experiment, challenger.share) == (str(experiment.pk), "20")
    assert Event.objects.filter(action="experiment.begun").count() == 1


def test_what_is_not_as_it_was_begun_is_denied_by_name(experiment: Experiment) -> None:
    assert codes(asked(experiment, experiment.challenger, "20.01")) == {"experiment_share"}
    assert codes(asked(experiment, experiment.challenger, "")) == {"experiment_share"}
    other = asked(experiment, experiment.challenger, environment="nowhere")
    assert {"experiment_other", "unknown_environment"} <= codes(other)
    service = factories.service()
    for strange in ("x", "00000000-0000-4000-8000-000000000000"):
        found = admit(
            by=service, model="credit-pd", version="1", environment="production", experiment=strange
        )
        assert not found.allowed
        assert "experiment_unknown" in codes(found)
    with pytest.raises(Invalid, match="share"):
        asked(experiment, experiment.challenger, "NaN")


def test_over_time_it_is_denied_and_ends(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    later = experiment.ends_at + timedelta(seconds=1)
    found = list(
        experiments._against(
            experiment,
            experiments.Within(
                experiment=str(experiment.pk),
                share="20",
                version=experiment.challenger,
                request=experiments.Request(
                    model="credit-pd",
                    version="2",
                    use=experiment.use.key,
                    environment="production",
                    digest="",
                ),
            ),
            later,
        )
    )
    assert "experiment_over" in {reason.code for reason in found}
    assert mind_experiments(by=RELAY) == 0
    monkeypatch.setattr("apps.deploys.commands.experiments.database_now", lambda: later)
    assert mind_experiments(by=RELAY) == 1
    assert ExperimentEnd.objects.get().cause in ("over", "not_allowed")


def test_one_arm_that_may_not_run_takes_the_other_with_it(experiment: Experiment) -> None:
    grant = experiment.challenger.approvals.get()
    approvals.revoke(by=factories.head(), approval=grant, reason="The data were wrong.")

    answer = asked(experiment, experiment.champion, "80")
    assert codes(answer) == {"experiment_arm"}
    assert mind_experiments(by=RELAY) == 1
    end = ExperimentEnd.objects.get()
    assert (end.cause, end.finding is not None) == ("not_allowed", True)
    assert "experiment_ended" in codes(asked(experiment, experiment.champion, "80"))
    assert mind_experiments(by=RELAY) == 0


def test_a_rule_that_is_broken_in_monitoring_stops_it(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = Decision.objects.filter(version=experiment.challenger).first()
    assert decision is not None
    broken = experiments.Broken(decision, experiment.challenger, "credit-pd@2: stability.psi is fail.")
    monkeypatch.setattr(experiments, "broken", lambda row: broken)

    assert mind_experiments(by=RELAY) == 1

    end = ExperimentEnd.objects.get()
    assert end.cause == "stopped"
    assert decision.statement_digest in end.why
    assert Finding.objects.get(title__startswith="Experiment").version == experiment.challenger


def test_somebody_may_end_it_and_nobody_twice(experiment: Experiment) -> None:
    with pytest.raises(Forbidden):
        end_experiment(by=factories.administrator(), experiment=experiment, reason="x")
    end_experiment(by=factories.validator(), experiment=experiment, reason="Complaints came in.")
    with pytest.raises(Refused, match="ended before"):
        end_experiment(by=factories.validator(), experiment=experiment, reason="x")
    answer = asked(experiment, experiment.challenger)
    assert "Complaints came in." in str(answer.reasons)
    assert asked(experiment, experiment.champion, "").allowed is False
    assert Event.objects.filter(action="experiment.ended").count() == 1


def test_what_cannot_be_an_experiment_is_refused(two: tuple[ModelVersion, ModelVersion]) -> None:
    now = timezone.now()
    for changes, sentence in (
        ({"share": "50.01"}, "at most 50"),
        ({"share": "0"}, "more than 0"),
        ({"share": "x"}, "no share"),
        ({"ends": now}, "ends after"),
        ({"ends": now + timedelta(days=91)}, "within 90 days"),
        ({"ends": datetime(2099, 1, 1)}, "time zone"),  # noqa: DTZ001 - that is what is refused
        ({"slot": "../x"}, "names no slot"),
        ({"reason": ""}, "is empty"),
        ({"title": ""}, "is empty"),
    ):
        with pytest.raises(Invalid, match=sentence):
            begun(two, **changes)
    with pytest.raises(Invalid, match="two different versions"):
        begun((two[0], two[0]))
    with pytest.raises(Forbidden):
        begun(two, by=factories.validator())
    begun(two)
    with pytest.raises(Refused, match="runs in scoring/credit-pd"):
        begun(two, title="Another")


def test_a_version_without_approval_takes_part_in_none(world: Standing) -> None:
    with pytest.raises(Refused, match="credit-pd@2 may not run in production"):
        begun((world.granted.version, world.waiting.version))


def day(row: Experiment, number: int) -> tuple[datetime, datetime]:
    start = row.begins_at + timedelta(milliseconds=number)
    return start, start + timedelta(milliseconds=1)


def result(row: Experiment, arm: str, calls: int, number: int = 0, **more: Any) -> str:
    begins, ends = day(row, number)
    made = report_result(
        by=factories.service(),
        experiment=row,
        arm=arm,
        begins=begins,
        ends=ends,
        calls=calls,
        measured={"conversion": 0.5},
        **more,
    )
    return made.statement_digest


def test_results_return_as_evidence_of_both_and_too_many_calls_end_it(experiment: Experiment) -> None:
    assert result(experiment, "champion", 800) != result(experiment, "challenger", 200)
    assert experiment.challenger.experiment_results.get().measured == {"conversion": 0.5}
    assert Event.objects.filter(action="experiment.reported").count() == 2
    with pytest.raises(Refused, match="known already"):
        result(experiment, "champion", 800)
    with pytest.raises(Invalid, match="no arm"):
        result(experiment, "both", 1)
    assert mind_experiments(by=RELAY) == 0

    result(experiment, "champion", 10, 5)
    result(experiment, "challenger", 900, 5)

    assert mind_experiments(by=RELAY) == 1
    assert ExperimentEnd.objects.get().cause == "over_share"


@pytest.mark.parametrize("measured", [{"x": float("nan")}, {"x": True}, {"x": "1"}, {"": 1.0}])
def test_numbers_that_are_none_are_refused(experiment: Experiment, measured: dict[str, Any]) -> None:
    begins, ends = day(experiment, 0)
    with pytest.raises(Invalid):
        report_result(
            by=factories.service(),
            experiment=experiment,
            arm="champion",
            begins=begins,
            ends=ends,
            calls=1,
            measured=measured,
        )


def test_a_row_that_was_not_signed_lets_nothing_run(experiment: Experiment) -> None:
    forged = Experiment.objects.get(pk=experiment.pk)
    forged.pk = None
    forged.share, forged.slot = 50, "scoring/forged"
    forged.statement_digest = "sha256:" + "0" * 64
    forged._state.adding = True
    forged.id = experiments.UUID(int=7)
    forged.save(force_insert=True)
    assert "experiment_unknown" in codes(asked(forged, forged.challenger))
    assert datetime.now(UTC) < forged.ends_at


# Pages and endpoints --------------------------------------------------------------------------------------


def test_it_is_begun_and_ended_on_a_page(world: Standing, two: tuple[ModelVersion, ModelVersion]) -> None:
    client = Client()
    client.force_login(world.people["owner"], backend="django.contrib.auth.backends.ModelBackend")
    sent = {
        "title": "Newer data",
        "model": "credit-pd",
        "champion": "1",
        "challenger": "2",
        "environment": "production",
        "slot": "scoring/credit-pd",
        "share": "10",
        "ends": (timezone.now() + timedelta(days=9)).date().isoformat(),
        "reason": "Does the newer one decide better?",
    }
    assert client.post("/experiments", {**sent, "ends": "soon"}).status_code == 422
    assert client.post("/experiments", {**sent, "share": "60"}).status_code == 422
    page = client.post("/experiments", sent, follow=True).content.decode()
    assert "at most 10.00 % of the calls" in page
    row = Experiment.objects.get()
    assert "Newer data" in client.get("/experiments").content.decode()

    ended = client.post(f"/experiments/{row.pk}/end", {"reason": "Enough was seen."}, follow=True)
    assert "Enough was seen." in ended.content.decode()


def test_it_is_begun_reported_and_asked_for_over_the_api(
    world: Standing, two: tuple[ModelVersion, ModelVersion]
) -> None:
    client = Client(headers={"Authorization": f"Bearer {world.tokens['pipeline']}"})

    def post(place: str, body: Any) -> Any:
        return client.post(f"/api/v1/{place}", json.dumps(body), content_type="application/json")

    terms = {
        "title": "Newer data",
        "model": "credit-pd",
        "champion": "1",
        "challenger": "2",
        "environment": "production",
        "slot": "scoring/credit-pd",
        "share": "10",
        "ends": (timezone.now() + timedelta(days=9)).isoformat(),
        "stops": ["performance.auc"],
        "reason": "Does the newer one decide better?",
    }
    made = post("experiments", terms)
    assert made.status_code == 201, made.json()
    key = made.json()["id"]
    question = {"model": "credit-pd", "version": "2", "environment": "production", "experiment": key}
    assert post("admissions", {**question, "share": "10"}).json()["allowed"] is True
    assert post("admissions", {**question, "share": "11"}).json()["allowed"] is False
    begins, ends = day(Experiment.objects.get(), 0)
    told = {"arm": "challenger", "begins": begins.isoformat(), "ends": ends.isoformat(), "calls": 7}
    assert post(f"experiments/{key}/results", {**told, "measured": {"auc": 0.8}}).status_code == 201
    shown = client.get(f"/api/v1/experiments/{key}").json()
    assert (shown["genuine"], shown["results"][0]["measured"]) == (True, {"auc": 0.8})
    assert post(f"experiments/{key}/end", {"reason": "Enough."}).json()["ended"]["cause"] == "asked"
    assert len(client.get("/api/v1/experiments").json()["experiments"]) == 1
