"""The catalogue: check id → function, argument schema, unit, direction, needs, version.

Each family lives in a file of pure data beside this one; a name twice is an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from apps.engine.catalogue.spec import Arg, Check
from apps.engine.errors import BadInput

FAMILIES = (
    "performance",
    "calibration",
    "fairness",
    "explainability",
    "stability",
    "robustness",
    "data",
    "security",
    "operations",
    "documents",
    "generative",
)

__all__ = ["Arg", "Check", "all_checks", "find"]

_held: dict[str, Check] = {}


def all_checks() -> Mapping[str, Check]:
    """Every check by id, sorted."""
    if not _held:
        for family in FAMILIES:
            for check in import_module(f"apps.engine.catalogue.{family}").CHECKS:
                if check.id in _held:
                    raise ValueError(f"the check id {check.id} stands twice in the catalogue")
                _held[check.id] = check
        ordered = sorted(_held.items())
        _held.clear()
        _held.update(ordered)
    return MappingProxyType(_held)


def find(check_id: str) -> Check:
    """The check of that id; BadInput names the nearest right ids."""
    found = _held.get(check_id)  # asked of every gate of every decision
    if found is not None:
        return found
    checks = all_checks()
    if check_id in checks:
        return checks[check_id]
    near = difflib.get_close_matches(check_id, checks, n=1, cutoff=0.5)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    raise BadInput(f'There is no check "{check_id}" in the catalogue.{hint}')
