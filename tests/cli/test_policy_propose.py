from __future__ import annotations

from typing import Any

from apps.cli.policy_propose import told

IMPACT = {"changed": 1, "in_scope": 2, "cannot_replay": 0, "outside": 3}
MOVED = {"model": "credit-pd", "version": "2", "before": "pass", "after": "fail"}
STAYS = {"model": "card-limit", "version": "1", "before": "fail", "after": "fail"}
OLD = {
    "policy": "old-rules",
    "policies": [],
    "models": [{"name": "credit-pd", "how": "The decision on version 1 rests on old-rules@1.0.0."}],
    "reports": [],
    "waivers": [{"name": "credit-pd@1 rules.auc", "how": "It waives rules.auc of old-rules."}],
}


def proposal(**more: Any) -> dict[str, Any]:
    shown = {"changes": ["auc: floor 0.70 → 0.75 (stricter)"], "impact": {**IMPACT, "models": [MOVED, STAYS]}}
    named = {"id": "7", "policy": "new-rules", "version": "1.0.0", "digest": "sha256:0"}
    return {**named, "shown": shown, **more}


def test_a_proposal_is_told_with_changes_impact_and_what_is_left_to_do() -> None:
    assert list(told(proposal())) == [
        "new-rules@1.0.0 is offered for release (sha256:0).",
        "  auc: floor 0.70 → 0.75 (stricter)",
        "Impact: 1 of 2 decisions would change, 0 cannot be replayed, 3 models are outside.",
        "  credit-pd 2: pass → fail",
        "A second person releases it: /policies/proposals/7",
    ]


def test_a_proposal_that_takes_a_place_tells_what_still_names_the_old() -> None:
    assert list(told(proposal(supersedes=[OLD])))[-6:-1] == [
        "It takes the place of old-rules, which is still named by:",
        "  policies: 0",
        "  models: 1 (credit-pd)",
        "  reports: 0",
        "  waivers: 1 (credit-pd@1 rules.auc)",
    ]
