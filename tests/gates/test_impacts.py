from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.gates.clock import database_now
from apps.gates.impacts import impact_of, impact_steps
from apps.gates.models import Decision, Evidence, PolicyRelease
from tests.gates import rows

pytestmark = pytest.mark.django_db
TEXT = """\
apiVersion: governance/v1
kind: Policy
metadata: {{id: credit-small, version: {version}, title: Small, owner: model-risk-policy}}
effective: {{from: {start}, until: null}}
applies_to: {{match: {{model.domain: [credit]}}}}
gates:
  - {{id: floor, title: The AUC, check: performance.auc, pass: {{min: {floor}}}}}
"""


def text(floor: str = "0.70", version: str = "1.0.0", start: str = "2026-01-01") -> bytes:
    return TEXT.format(floor=floor, version=version, start=start).encode()


@pytest.fixture
def pat(db: None):
    return rows.person("pat", "model-risk-policy")


@pytest.fixture
def released(pat) -> PolicyRelease:
    return rows.release(pat, rows.person("pia", "model-risk-policy"), text())


def decided(
    release: PolicyRelease, auc: float, *, owner: Any = None, label: str = "1", of: Any = None
) -> Decision:
    """A decision with its evidence, as a run leaves them; the numbers are given."""
    owner = owner or rows.person(f"dora{Decision.objects.count()}", "developer")
    version = rows.version(owner, of=of, label=label)
    pinned = {
        "version": version.digest,
        "artifact": version.artifact_id,
        "datasets": {"holdout": rows.digest_of("holdout")},
        "policies": [{"id": release.policy, "version": release.version, "digest": release.digest}],
        "fields": {},
    }
    run = rows.run(owner, of=version, pinned=pinned)
    now = database_now() - timedelta(minutes=1)
    measurement = {
        "check": "performance.auc",
        "check_version": "1",
        "status": "measured",
        "provenance": "governed",
        "value": auc,
        "interval": None,
        "parameters": {"dataset": "holdout"},
    }
    Evidence.objects.create(
        run=run, gate="floor", check_id="performance.auc", check_version="1", measured_at=now,
        artifact_digest=version.artifact_id, dataset_digest=pinned["datasets"]["holdout"],
        measurement=measurement, statement_digest=rows.digest_of(f"evidence {run.pk}"),
    )  # fmt: skip
    return Decision.objects.create(
        run=run, version=version, use=run.use, purpose="approval", outcome="pass", document={}, policies=[],
        decided_at=now, statement_digest=rows.digest_of(f"decision {run.pk}"),
    )  # fmt: skip


def test_a_draft_names_the_models_whose_verdict_changes(pat, released) -> None:
    decided(released, 0.80)
    poor = decided(released, 0.72)
    events = Event.objects.count()
    found = impact_of(by=pat, data=text("0.75", "2.0.0", "2027-01-01"))
    assert [(e.model, e.before, e.after) for e in found.changed] == [(poor.version.model.key, "pass", "fail")]
    assert found.moves == {"pass → fail": 1, "pass → pass": 1}
    assert (Event.objects.count(), Decision.objects.count()) == (events, 2)


def test_only_the_newest_evidence_of_a_model_speaks(pat, released) -> None:
    dora = rows.person("dora", "developer")
    old = decided(released, 0.60, owner=dora)
    decided(released, 0.90, owner=dora, label="2", of=old.version.model)
    found = impact_of(by=pat, data=text("0.75", "2.0.0"))
    assert [(e.version, e.after) for e in found.effects] == [("2", "pass")]


def test_another_person_without_the_right_is_refused(released) -> None:
    with pytest.raises(Forbidden, match="Policy author"):
        impact_of(by=rows.person("dora", "developer"), data=text())


def test_a_broken_draft_is_refused_with_its_line(pat) -> None:
    with pytest.raises(Invalid, match="line 7"):
        impact_of(by=pat, data=text("yes"))


def test_the_command_says_it_in_words_and_as_json(pat, released, tmp_path: Path) -> None:
    decided(released, 0.72)
    draft = tmp_path / "policy.yaml"
    draft.write_bytes(text("0.75", "2.0.0"))
    said = io.StringIO()
    call_command("policy_impact", str(draft), stdout=said)
    assert said.getvalue().startswith(
        "credit-small@2.0.0 in place of 1.0.0: 1 models in scope, 0 outside, 1 decisions would change."
    )
    assert "The AUC is 0.72; at least 0.75 is needed" in said.getvalue()
    found = io.StringIO()
    call_command("policy_impact", str(draft), "--format", "json", stdout=found)
    assert json.loads(found.getvalue())["changed"] == 1


def test_the_command_refuses_a_file_that_is_not_there(db, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("policy_impact", str(tmp_path / "none.yaml"))


def test_the_cost_in_queries_does_not_grow_with_models(pat, released, django_assert_max_num_queries) -> None:
    for auc in (0.7, 0.8, 0.9, 0.95):
        decided(released, auc)
    with django_assert_max_num_queries(12):
        assert len(impact_of(by=pat, data=text("0.75", "2.0.0")).effects) == 4


def test_it_tells_step_by_step_how_far_it_is(pat, released, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.engine.impact._EVERY", 2)
    for auc in (0.7, 0.8, 0.9):
        decided(released, auc)
    assert list(impact_steps(by=pat, data=text("0.75", "2.0.0"))) == [(0, 3), (2, 3), (3, 3)]


def test_what_cannot_be_read_is_refused_before_the_first_step(pat) -> None:
    with pytest.raises(Invalid, match="line 7"):
        impact_steps(by=pat, data=text("yes"))


def test_the_api_streams_lines_and_ends_with_the_impact(pat, released, client) -> None:
    decided(released, 0.72)
    client.force_login(pat)
    answer = client.post(
        "/api/v1/policies/impact",
        {"policy": text("0.75", "2.0.0").decode()},
        content_type="application/json",
        headers={"Accept": "application/x-ndjson"},
    )
    *steps, last = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert steps == [{"done": 0, "of": 1}, {"done": 1, "of": 1}]
    assert last["impact"]["changed"] == 1


def test_the_page_grows_and_ends_with_the_impact(pat, released, client) -> None:
    decided(released, 0.72)
    client.force_login(pat)
    answer = client.post("/policies/impact", {"text": text("0.75", "2.0.0").decode()})
    first, *_, last = [part.decode() for part in answer.streaming_content]
    assert first.endswith('<div class="replaying" role="status">')
    assert "The AUC is 0.72; at least 0.75 is needed" in last
    assert last.rstrip().endswith("</html>")
