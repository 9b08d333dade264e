"""A model as lists show it: one row of one statement, with its unit, owner, tier and newest version."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple


class UnitShown(NamedTuple):
    key: str
    title: str


class OwnerShown(NamedTuple):
    username: str
    name: str
    is_active: bool

    def __str__(self) -> str:
        return self.name or self.username


class Listed(NamedTuple):
    """The columns in the order of the statement; what must be taken apart is so only when asked for."""

    pk: int
    key: str
    title: str
    purpose: str
    limitations: str
    kind: str
    domain: str
    jurisdictions_as_json: str
    vendor: bool
    exposure_eur: Decimal | None
    registered_as_text: str
    unit_key: str
    unit_title: str
    owner_username: str
    owner_name: str
    owner_is_active: bool
    tier: int | None
    newest_label: str | None
    determined: str | None

    @property
    def jurisdictions(self) -> list[Any]:
        found: list[Any] = json.loads(self.jurisdictions_as_json)
        return found

    @property
    def registered_at(self) -> datetime:
        return datetime.fromisoformat(self.registered_as_text)

    @property
    def unit(self) -> UnitShown:
        return UnitShown(self.unit_key, self.unit_title)

    @property
    def owner(self) -> OwnerShown:
        return OwnerShown(self.owner_username, self.owner_name, self.owner_is_active)

    def __str__(self) -> str:
        return self.key
