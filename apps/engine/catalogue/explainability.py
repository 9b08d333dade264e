"""Catalogue entries of the family `explainability`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = ()
