"""Tiers, scope, determinations and scorecards as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.api.rendering import person

if TYPE_CHECKING:
    from apps.inventory.determinations import RegimeLine
    from apps.inventory.models import (
        Determination,
        RegimeDecision,
        ScorecardProposal,
        ScorecardRelease,
        Tiering,
    )

Json = dict[str, Any]


def tiering(row: Tiering) -> Json:
    return {
        "tier": row.tier,
        "answers": row.answers,
        "scorecard": row.scorecard or None,
        "scorecard_digest": row.scorecard_digest or None,
        "rationale": row.rationale,
        "review_due": row.review_due,
        "assigned_by": person(row.assigned_by),
        "assigned_at": row.assigned_at,
        "statement": row.statement_digest or None,
    }


def regime_line(line: RegimeLine) -> Json:
    return {
        "regime": line.regime,
        "title": line.title,
        "status": line.status,
        "applies": line.applies,
        "state": line.state,
        "genuine": line.genuine if line.decision else None,
        "decision": None if line.decision is None else regime_decision(line.decision),
        "suggestion": line.suggestion.as_json(),
    }


def regime_decision(row: RegimeDecision) -> Json:
    return {
        "regime": row.regime,
        "applies": row.applies,
        "rationale": row.rationale,
        "decided_by": person(row.decided_by),
        "decided_at": row.decided_at,
        "supersedes": row.supersedes or None,
        "statement": row.statement_digest,
    }


def determination(row: Determination) -> Json:
    return {
        "outcome": row.outcome,
        "outcomes": row.outcomes,
        "answers": row.answers,
        "questionnaire": row.questionnaire,
        "rationale": row.rationale,
        "ask_again": row.ask_again,
        "determined_by": person(row.determined_by),
        "determined_at": row.determined_at,
        "statement": row.statement_digest,
    }


def scorecard_proposal(row: ScorecardProposal, shown: Json) -> Json:
    released = getattr(row, "release", None)
    return {
        "id": row.pk,
        "scorecard": row.scorecard,
        "version": row.version,
        "digest": row.digest,
        "note": row.note,
        "shown": shown,
        "proposed_by": person(row.proposed_by),
        "proposed_at": row.proposed_at,
        "released_at": None if released is None else released.released_at,
        "statement": row.statement_digest,
    }


def scorecard_release(row: ScorecardRelease) -> Json:
    return {
        "scorecard": row.scorecard,
        "version": row.version,
        "digest": row.digest,
        "proposed_by": person(row.proposed_by),
        "released_by": person(row.released_by),
        "released_at": row.released_at,
        "statement": row.statement_digest,
    }
