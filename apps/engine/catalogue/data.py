"""Catalogue entries of the family `data`."""

from __future__ import annotations

from apps.engine.catalogue.spec import Check

CHECKS: tuple[Check, ...] = ()
