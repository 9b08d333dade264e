"""Values on their way into a record: plain JSON, text in one Unicode form, no NUL."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from apps.audit.errors import Invalid
from apps.engine.canonical import rfc3339


def plain(value: Any, *, what: str = "value") -> Any:
    """The JSON of a value: times in UTC, decimals and UUIDs as text, rows by their key, text in NFC."""
    if isinstance(value, str):
        return _text(str(value), what)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_text(str(k), what): plain(v, what=str(k)) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v, what=what) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v, what=what) for v in value)
    return _other(value, what)


def _other(value: Any, what: str) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, models.Model):
        return str(value.pk)
    raise Invalid(f'"{what}" is a {type(value).__name__}, which has no place in a record.', field=what)


def _text(text: str, what: str) -> str:
    if "\0" in text:
        raise Invalid(f'"{what}" holds a NUL character.', field=what)
    return unicodedata.normalize("NFC", text)
