"""What changed since the last approved version: computed from the two decisions and versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.approvals.models import Approval


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs: what, before and after, in words."""

    what: str
    before: str
    after: str


def changes_since(previous: Approval | None, approval: Approval) -> list[Change]:
    """Every difference between the approved predecessor and what is up for review."""
    if previous is None:
        return []
    return [
        *_parts(previous, approval),
        *_manifest(previous.version.manifest, approval.version.manifest),
        *_gates(previous.decision.document, approval.decision.document),
    ]


def _parts(old: Approval, new: Approval) -> list[Change]:
    rows = []
    if old.version.artifact_id != new.version.artifact_id:
        rows.append(Change("Artifact", _short(old.version.artifact_id), _short(new.version.artifact_id)))
    if old.subject.get("tier") != new.subject.get("tier"):
        rows.append(Change("Tier", str(old.subject.get("tier")), str(new.subject.get("tier"))))
    before = {p["id"]: p["version"] for p in old.subject["policies"]}
    after = {p["id"]: p["version"] for p in new.subject["policies"]}
    rows += [
        Change(f"Policy {name}", before.get(name, "did not apply"), after.get(name, "no longer applies"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    olds = {d.name: d.digest for d in old.version.datasets.all()}
    news = {d.name: d.digest for d in new.version.datasets.all()}
    rows += [
        Change(f"Data set {name}", _short(olds.get(name)), _short(news.get(name)))
        for name in sorted(olds.keys() | news.keys())
        if olds.get(name) != news.get(name)
    ]
    return rows


def _manifest(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    before, after = old.get("spec") or {}, new.get("spec") or {}
    left_out = {"datasets", "artifact", "source"}
    return [
        Change(f"{name} in the manifest", _told(before.get(name)), _told(after.get(name)))
        for name in sorted((before.keys() | after.keys()) - left_out)
        if before.get(name) != after.get(name)
    ]


def _gates(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    before = {g["id"]: g for g in old["gates"]}
    rows = []
    for gate in new["gates"]:
        was = before.get(gate["id"])
        told = (_result(was) if was else "not asked", _result(gate))
        if told[0] != told[1]:
            rows.append(Change(gate["id"], *told))
    return rows


def _result(gate: Mapping[str, Any]) -> str:
    value = (gate.get("measurement") or {}).get("value")
    number = "" if value is None else f" ({value:.4g})"
    return f"{gate['outcome']}{number}"


def _short(digest: str | None) -> str:
    return digest[:19] + "…" if digest else "none"


def _told(value: Any) -> str:
    return "none" if value in (None, [], "") else str(value)
