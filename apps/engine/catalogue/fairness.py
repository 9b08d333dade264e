"""Catalogue entries of the family `fairness`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = ()
