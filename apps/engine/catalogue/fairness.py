"""Catalogue entries of the family `fairness`: the files beside this one together."""

from __future__ import annotations

from apps.engine.catalogue.fairness_errors import CHECKS as ERRORS
from apps.engine.catalogue.fairness_indices import CHECKS as INDICES
from apps.engine.catalogue.fairness_rates import CHECKS as RATES
from apps.engine.catalogue.fairness_scores import CHECKS as SCORES
from apps.engine.catalogue.fairness_search import CHECKS as SEARCH
from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = (*RATES, *ERRORS, *SCORES, *INDICES, *SEARCH)
