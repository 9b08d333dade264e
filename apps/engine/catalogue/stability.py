"""Catalogue entries of the family `stability`: the files beside this one together."""

from __future__ import annotations

from apps.engine.catalogue.spec import Check
from apps.engine.catalogue.stability_psi import CHECKS as PSI
from apps.engine.catalogue.stability_shifts import CHECKS as SHIFTS
from apps.engine.catalogue.stability_trend import CHECKS as TREND

CHECKS: tuple[Check, ...] = (*PSI, *SHIFTS, *TREND)
