"""A model that is a service: registered, measured, sealed; not allowed, and away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.audit.errors import Forbidden, Invalid
from apps.gates.models import Decision, Evidence, Run
from apps.gates.states import RunState
from apps.gates.transcripts import asked_in, transcript_of
from apps.inventory.models import ModelVersion
from apps.inventory.store import the_store
from apps.outside import service
from apps.outside.transcript import Recorded
from tests.gates import rows, world
from tests.gates.test_execution import POLICY, execute, payload, release, request
from tests.outside.scorer import Running, running

N = 400
TABLE = {
    "a": [i / 50 - 4 for i in range(N)],
    "defaulted": [int(i > 190) for i in range(N)],
    "sex": ["F", "M"] * (N // 2),
}
ENTRY = {
    "path": "holdout.csv",
    "label": {"column": "defaulted", "positive": 1},
    "favourable": 0,
    "decision": {"threshold": 0.5},
    "protected": ["sex"],
}
ASKED = POLICY.replace("pass: {min: 0.70}", "pass: {min: 0.70}, enforcement: mandatory, accept: asked")
pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    with running() as found:
        monkeypatch.setattr(settings, "ENDPOINTS", [found.allowed])
        yield found


@pytest.fixture
def dora(db: None) -> Any:
    return rows.person("dora", "developer")


def registered(by: Any, folder: Path, scorer: Running, path: str = "/ok", **more: Any) -> ModelVersion:
    spec = {"artifact": {"format": "endpoint"}, "features": ["a"], "datasets": {"holdout": ENTRY}}
    return world.register(by, folder, {"holdout": TABLE}, endpoint={"url": scorer.url(path), **more}, **spec)


def decided(by: Any, version: ModelVersion, policy: str) -> Run:
    release(policy)
    done = execute(request(by, version))
    assert done is not None
    return done


def test_a_service_is_measured_and_its_answers_are_sealed(dora: Any, tmp_path: Path, scorer: Running) -> None:
    run = decided(dora, registered(dora, tmp_path / "given", scorer), ASKED)
    assert (run.state, Decision.objects.get(run=run).outcome) == (RunState.DECIDED, "pass"), run.cause
    evidence = Evidence.objects.filter(run=run).first()
    assert evidence is not None
    assert evidence.measurement["provenance"] == "asked"
    sealed = payload(evidence.statement_digest)["predicate"]["endpoint"]
    assert (sealed["exchanges"], sealed["model"]) == (3, "pd 7")
    with the_store().open(sealed["transcript"]) as file:
        assert Recorded(file.read()).answer(scorer.seen[0][2]).startswith(b'{"scores"')


def test_the_transcript_goes_to_those_who_export(dora: Any, tmp_path: Path, scorer: Running) -> None:
    run = decided(dora, registered(dora, tmp_path / "given", scorer), ASKED)
    digest, pieces = transcript_of(rows.person("ada", "auditor"), run)
    assert Recorded(b"".join(pieces)).url == scorer.url()
    assert digest == asked_in(run)["transcript"]
    with pytest.raises(Forbidden):
        transcript_of(dora, run)


def test_a_mandatory_gate_wants_bytes_unless_it_says_otherwise(
    dora: Any, tmp_path: Path, scorer: Running
) -> None:
    strict = ASKED.replace(", accept: asked", "")
    run = decided(dora, registered(dora, tmp_path / "given", scorer), strict)
    decision = Decision.objects.get(run=run)
    assert decision.outcome != "pass"
    assert "accept: asked" in decision.document["gates"][0]["why"]


def test_a_service_that_is_away_is_tried_again_and_never_passes(
    dora: Any, tmp_path: Path, scorer: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PAUSES", ())
    run = decided(dora, registered(dora, tmp_path / "given", scorer, "/gone"), ASKED)
    assert run.state == RunState.QUEUED
    assert "answered 503" in run.cause
    assert not Decision.objects.filter(run=run).exists()


def test_a_host_that_is_not_allowed_is_refused_at_registration(
    dora: Any, tmp_path: Path, scorer: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ENDPOINTS", [])
    with pytest.raises(Invalid, match=r"127\.0\.0\.1:\d+ may not be asked"):
        registered(dora, tmp_path / "given", scorer)
    assert not ModelVersion.objects.exists()


def test_a_secret_that_is_not_there_is_refused_at_registration(
    dora: Any, tmp_path: Path, scorer: Running
) -> None:
    with pytest.raises(Invalid, match=r'"pd" for 127\.0\.0\.1 cannot be read'):
        registered(dora, tmp_path / "given", scorer, secret="pd")


def test_a_permit_that_is_taken_back_ends_the_run(
    dora: Any, tmp_path: Path, scorer: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registered(dora, tmp_path / "given", scorer)
    monkeypatch.setattr(settings, "ENDPOINTS", ["other.example"])
    run = decided(dora, version, ASKED)
    assert run.state == RunState.ERRORED
    assert "may not be asked" in run.cause
