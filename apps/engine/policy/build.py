"""A resolved policy document (plain JSON, decimals as text) → Policy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from apps.engine.canonical import canonical, digest
from apps.engine.catalogue import find
from apps.engine.policy.gate_rules import split
from apps.engine.policy.model import (
    AppliesTo,
    Approvals,
    Bound,
    DocumentRule,
    Effective,
    Gate,
    Policy,
    Step,
    Validity,
    WaiverRules,
    days,
)

Doc = Mapping[str, Any]


def plain(value: Any, *, arguments: bool = False) -> Any:
    """Plain JSON: decimals as their text, but as numbers among a check's arguments."""
    if isinstance(value, Decimal):
        return float(value) if arguments else format(value, "f")
    if isinstance(value, Mapping):
        return {key: plain(item, arguments=arguments or key == "with") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, arguments=arguments) for item in value]
    return value


def policy_of(document: Doc) -> Policy:
    """The policy of a resolved document, as `Policy.document` holds it.

    Examples
    --------
    >>> it = policy_of({"metadata": {"id": "p", "version": "1.0.0", "title": "P"},
    ...                 "effective": {"from": "2026-01-01"}, "gates": []})
    >>> it.id, it.major, it.digest[:7]
    ('p', 1, 'sha256:')
    """
    metadata, applies = document["metadata"], document.get("applies_to") or {}
    return Policy(
        id=metadata["id"],
        version=metadata["version"],
        title=metadata["title"],
        digest=digest(canonical(document)),
        gates=tuple(_gate(gate, document) for gate in document["gates"]),
        applies_to=AppliesTo(
            environments=tuple(applies.get("environments") or ()),
            match=applies.get("match") or {},
            unless=applies.get("unless") or {},
        ),
        effective=_effective(document["effective"]),
        approvals=_approvals(document.get("approvals") or {}),
        evidence=tuple(_evidence(item) for item in document.get("evidence") or ()),
        validity=_validity(document.get("validity") or {}),
        waivers=_waivers(document.get("waivers") or {}),
        document=document,
        controls=tuple(metadata.get("controls") or ()),
        owner=metadata.get("owner", "model-risk-policy"),
        status=metadata.get("status", "live"),
    )


def bound_of(given: Doc | None) -> Bound | None:
    """The bound that a mapping of `min` and `max` names; None where there is none."""
    if not given:
        return None
    return Bound(**{side: Decimal(str(given[side])) for side in ("min", "max") if side in given})


def _gate(given: Doc, document: Doc) -> Gate:
    check = find(given["check"])
    own, sets = split(check, given.get("with") or {})
    words: dict[str, Any] = dict(sets)
    named = (
        "basis",
        "enforcement",
        "severity",
        "source",
        "accept",
        "on_review",
        "hardware",
        "match",
        "unless",
    )
    words.update((name, given[name]) for name in named if name in given)
    return Gate(
        id=given["id"],
        title=given.get("title", check.title),
        check=check.id,
        arguments=own,
        bound=bound_of(given.get("pass")) or Bound(),
        warn=bound_of(given.get("warn")),
        max_age=_days(given.get("max_age")),
        on_missing=document.get("on_missing", "fail"),
        controls=tuple(given.get("controls") or ()),
        policies=(document["metadata"]["id"],),
        **words,
    )


def _days(text: str | None) -> timedelta | None:
    return days(text) if text else None


def _effective(given: Doc) -> Effective:
    until = given.get("until")
    return Effective(
        start=date.fromisoformat(given["from"]),
        until=date.fromisoformat(until) if until else None,
        grace=days(given.get("grace", "P0D")),
    )


def _approvals(given: Doc) -> Approvals:
    rules = {rule["rule"]: tuple(rule.get("of") or ()) for rule in given.get("separation_of_duties") or ()}
    return Approvals(
        steps=tuple(_step(step) for step in given.get("steps") or ()),
        approver_not=rules.get("approver_not", ()),
        distinct_people="distinct_people_across_steps" in rules,
        void_on=tuple(given.get("void_on") or ()),
    )


def _step(given: Doc) -> Step:
    return Step(
        id=given["id"],
        role=given["role"],
        quorum=int(given.get("quorum", 1)),
        after=tuple(given.get("after") or ()),
        match=given.get("match") or {},
        unless=given.get("unless") or {},
    )


def _evidence(given: Doc) -> DocumentRule:
    return DocumentRule(
        id=given["id"],
        title=given.get("title", given["id"].replace("-", " ").capitalize()),
        type=given.get("type", "document"),
        required=given.get("required", True),
        signed_by=given.get("signed_by"),
        max_age=_days(given.get("max_age")),
        match=given.get("match") or {},
        unless=given.get("unless") or {},
        controls=tuple(given.get("controls") or ()),
    )


def _validity(given: Doc) -> Validity:
    return Validity(
        approval=days(given.get("approval", "P365D")),
        conditional=days(given.get("conditional", "P90D")),
        remind_before=tuple(days(text) for text in given.get("remind_before") or ()),
        on_expiry=given.get("on_expiry", "block_new_deployments"),
    )


def _waivers(given: Doc) -> WaiverRules:
    approval = given.get("approval") or {}
    return WaiverRules(
        role=approval.get("role", "head-of-model-risk"),
        quorum=int(approval.get("quorum", 1)),
        max_duration=days(given.get("max_duration", "P90D")),
        max_renewals=int(given.get("max_renewals", 1)),
        requires=tuple(given.get("requires", WaiverRules().requires)),
    )
