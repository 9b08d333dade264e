from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from apps.engine.decide import MeasuredGate, SubjectFacts, gates_for
from apps.engine.impact import Standing, asked_of, impact
from apps.engine.policy import Library, Policy, read_policy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AUC = "  - {id: auc, title: The AUC, check: performance.auc, pass: {min: %s}}\n"
KS = "  - {id: ks, title: The KS, check: performance.ks, pass: {min: 0.2}}\n"


def policy(
    floor: str = "0.70", more: str = "", *, version: str = "1.0.0", start: str = "2026-01-01"
) -> Policy:
    text = (
        "apiVersion: governance/v1\nkind: Policy\n"
        f"metadata: {{id: p, version: {version}, title: P}}\n"
        f"effective: {{from: {start}}}\n"
        "applies_to: {match: {model.tier: [1]}}\n"
        f"gates:\n{AUC % floor}{more}"
    )
    return read_policy(text.encode(), name="p.yaml", library=Library({}))


def standing(key: str, auc: float | None, *, tier: int = 1) -> Standing:
    subject = SubjectFacts(model=key, version="1", artifact_digest="a", facts={"model.tier": tier})
    question = asked_of(gates_for([policy()])[0])
    return Standing(use="loans", subject=subject, measured={} if auc is None else {question: measured(auc)})


def measured(auc: float) -> MeasuredGate:
    found = {"check": "performance.auc", "check_version": "1", "status": "measured", "value": auc}
    return MeasuredGate(
        measurement={**found, "provenance": "governed", "interval": None},
        measured_at=NOW,
        artifact_digest="a",
        dataset_digests={"holdout": "h"},
    )


def seen(*standings: Standing) -> list[Standing]:
    return [replace(s, subject=replace(s.subject, dataset_digests={"holdout": "h"})) for s in standings]


def test_a_raised_floor_names_each_model_that_would_fail_and_why():
    found = impact(
        seen(standing("good", 0.80), standing("poor", 0.72)),
        released=[policy()],
        draft=policy("0.75", version="2.0.0"),
        now=NOW,
    )
    assert [(e.model, e.before, e.after) for e in found.changed] == [("poor", "pass", "fail")]
    assert found.changed[0].gates[0].why.startswith("The AUC is 0.72; at least 0.75 is needed")
    assert found.moves == {"pass → fail": 1, "pass → pass": 1}
    assert found.as_json()["models"][0]["model"] == "poor"
    assert len(found.as_json()["models"]) == 1


def test_a_gate_never_measured_cannot_be_replayed_and_counts_as_missing():
    found = impact(seen(standing("good", 0.80)), released=[policy()], draft=policy(more=KS), now=NOW)
    assert (found.effects[0].before, found.effects[0].after) == ("pass", "insufficient")
    assert found.effects[0].unmeasured[0][0] == "ks"
    assert "needs a new run" in found.effects[0].unmeasured[0][1]


def test_models_that_the_draft_does_not_speak_of_are_only_counted():
    found = impact(seen(standing("small", 0.1, tier=3)), released=[policy()], draft=policy("0.9"), now=NOW)
    assert (found.effects, found.outside) == ([], 1)


def test_a_draft_of_next_year_is_tried_as_if_it_were_in_force():
    draft = policy("0.75", version="2.0.0", start="2027-06-01")
    found = impact(seen(standing("poor", 0.72)), released=[policy()], draft=draft, now=NOW)
    assert found.changed[0].after == "fail"
    assert found.replaces == policy().named()


def test_evidence_is_found_by_its_question_whatever_the_gate_is_called():
    renamed = policy("0.70", KS).gates[0]
    assert asked_of(replace(renamed, id="performance.auc", title="Other")) == asked_of(policy().gates[0])
    assert asked_of(replace(renamed, arguments={"confidence": 0.9})) != asked_of(policy().gates[0])


def test_a_gate_that_is_dropped_is_said_to_be_no_longer_asked():
    found = impact(seen(standing("good", 0.80)), released=[policy(more=KS)], draft=policy(), now=NOW)
    assert [(g.id, g.before, g.after, g.why) for g in found.effects[0].gates] == [
        ("ks", "missing", None, "The KS: no longer asked.")
    ]
