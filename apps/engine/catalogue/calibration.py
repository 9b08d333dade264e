"""Catalogue entries of the family `calibration`: the files beside this one together."""

from __future__ import annotations

from apps.engine.catalogue.calibration_brier import CHECKS as BRIER
from apps.engine.catalogue.calibration_grades import CHECKS as GRADES
from apps.engine.catalogue.calibration_tests import CHECKS as TESTS
from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = (*BRIER, *TESTS, *GRADES)
