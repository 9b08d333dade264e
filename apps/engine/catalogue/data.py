"""Catalogue entries of the family `data`: the files beside this one together."""

from __future__ import annotations

from apps.engine.catalogue.data_contract import CHECKS as CONTRACT
from apps.engine.catalogue.data_rows import CHECKS as ROWS
from apps.engine.catalogue.data_shape import CHECKS as SHAPE
from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = (*CONTRACT, *ROWS, *SHAPE)
