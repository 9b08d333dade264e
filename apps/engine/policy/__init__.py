"""Policies: strict files that name checks, bounds and approvals; here they become frozen values."""

from __future__ import annotations

from apps.engine.policy.build import policy_of
from apps.engine.policy.library import Library, shipped_folder
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
)
from apps.engine.policy.read import read_policy
from apps.engine.policy.unite import gates_for, monitoring, select

__all__ = [
    "AppliesTo",
    "Approvals",
    "Bound",
    "DocumentRule",
    "Effective",
    "Gate",
    "Library",
    "Policy",
    "Step",
    "Validity",
    "WaiverRules",
    "gates_for",
    "monitoring",
    "policy_of",
    "read_policy",
    "select",
    "shipped_folder",
]
