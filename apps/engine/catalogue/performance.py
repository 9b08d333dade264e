"""Catalogue entries of the family `performance`: the files beside this one together."""

from __future__ import annotations

from apps.engine.catalogue.performance_decisions import CHECKS as DECISIONS
from apps.engine.catalogue.performance_first import CHECKS as FIRST
from apps.engine.catalogue.performance_losses import CHECKS as LOSSES
from apps.engine.catalogue.performance_ranking import CHECKS as RANKING
from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = (*FIRST, *DECISIONS, *RANKING, *LOSSES)
