"""The filters of RFC 7644, section 3.4.2.2, as queries: small, bounded, and about what is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from apps.access.text import storable
from apps.api.scim.faults import ScimFault

_LONGEST, _DEEPEST, _MOST = 2000, 10, 40
_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]"]+)')
_LOOKUPS = {"eq": "iexact", "co": "icontains", "sw": "istartswith", "ew": "iendswith"}
_ORDERS = {"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}

# By attribute in small letters: the field, and what kind of value it holds.
USERS: Mapping[str, tuple[str, str]] = {
    "id": ("uid", "id"),
    "username": ("user_name", "text"),
    "externalid": ("external_id", "exact"),
    "displayname": ("display_name", "text"),
    "name.formatted": ("person__name", "text"),
    "name.givenname": ("given_name", "text"),
    "name.familyname": ("family_name", "text"),
    "emails": ("person__email", "text"),
    "emails.value": ("person__email", "text"),
    "emails.type": ("work", "always"),
    "emails.primary": ("true", "always"),
    "active": ("person__is_active", "flag"),
    "meta.created": ("created_at", "time"),
    "meta.lastmodified": ("changed_at", "time"),
}
GROUPS: Mapping[str, tuple[str, str]] = {
    "id": ("uid", "id"),
    "displayname": ("name", "text"),
    "externalid": ("external_id", "exact"),
    "members": ("members__account__uid", "id"),
    "members.value": ("members__account__uid", "id"),
    "meta.created": ("created_at", "time"),
    "meta.lastmodified": ("changed_at", "time"),
}


def matching(text: str, attributes: Mapping[str, tuple[str, str]], *, schema: str) -> Q:
    """A filter as a query; refused when it cannot be read or asks for what is not kept."""
    if len(text) > _LONGEST or not storable(text):
        raise _bad(f"it has more than {_LONGEST:,} characters, or some that no text may hold")
    return _Reader(_words(text), attributes, schema).whole()


def _words(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise _bad(f"it cannot be read from character {at + 1} on")
        found.append(match[1])
        at = match.end()
    return found


def _bad(why: str) -> ScimFault:
    return ScimFault(400, f"The filter is refused: {why}.", "invalidFilter")


class _Reader:
    """Reads words from left to right: or, and, not, a comparison."""

    def __init__(self, words: list[str], attributes: Mapping[str, tuple[str, str]], schema: str) -> None:
        self._words, self._attributes, self._schema = words, attributes, schema.casefold()
        self._at = self._deep = self._terms = 0

    def whole(self) -> Q:
        found = self._either()
        if self._at != len(self._words):
            raise _bad(f"{self._words[self._at]!r} was not expected")
        return found

    def _either(self) -> Q:
        found = self._both()
        while self._next("or"):
            found |= self._both()
        return found

    def _both(self) -> Q:
        found = self._one()
        while self._next("and"):
            found &= self._one()
        return found

    def _one(self) -> Q:
        if self._next("not"):
            self._must("(")
            return ~self._inside()
        return self._inside() if self._next("(") else self._comparison()

    def _inside(self) -> Q:
        self._deep += 1
        if self._deep > _DEEPEST:
            raise _bad(f"it is nested deeper than {_DEEPEST} levels")
        found = self._either()
        self._must(")")
        self._deep -= 1
        return found

    def _comparison(self) -> Q:
        self._terms += 1
        if self._terms > _MOST:
            raise _bad(f"it compares more than {_MOST} times")
        name = self._take().casefold().removeprefix(self._schema + ":")
        if self._next("["):
            return self._within(name)
        return self._compared(name)

    def _within(self, name: str) -> Q:
        """`emails[type eq "work"]`: of a list that holds one thing, by its own parts."""
        inner = {
            key.removeprefix(f"{name}."): value
            for key, value in self._attributes.items()
            if key.startswith(f"{name}.")
        }
        outer, self._attributes = self._attributes, inner or self._attributes
        found = self._either()
        self._attributes = outer
        self._must("]")
        return found

    def _compared(self, name: str) -> Q:
        if name not in self._attributes:
            raise _bad(f"{name[:60]!r} is none of {', '.join(self._attributes)}")
        field, kind = self._attributes[name]
        how = self._take().casefold()
        if how == "pr":
            return Q() if kind == "always" else self._present(field, kind)
        value = self._take()
        return ~_test(field, kind, "eq", value) if how == "ne" else _test(field, kind, how, value)

    @staticmethod
    def _present(field: str, kind: str) -> Q:
        if kind in ("flag", "time"):
            return Q()
        return ~Q(**{field: None if kind == "id" else ""})

    def _next(self, word: str) -> bool:
        if self._at < len(self._words) and self._words[self._at].casefold() == word:
            self._at += 1
            return True
        return False

    def _must(self, word: str) -> None:
        if not self._next(word):
            raise _bad(f"{word!r} is missing")

    def _take(self) -> str:
        if self._at >= len(self._words):
            raise _bad("it ends too early")
        self._at += 1
        return self._words[self._at - 1]


def _test(field: str, kind: str, how: str, raw: str) -> Q:
    try:
        value = json.loads(raw)
    except ValueError:
        raise _bad(f"{raw[:60]!r} is no value") from None
    if kind == "always" and how == "eq":
        return Q() if str(value).casefold() == field else Q(pk__in=[])
    if kind == "flag" and isinstance(value, bool) and how == "eq":
        return Q(**{field: value})
    if kind == "time" and isinstance(value, str) and how in _ORDERS | {"eq": ""}:
        return Q(**{f"{field}__{_ORDERS.get(how, 'exact')}": _time(value)})
    if kind == "id" and isinstance(value, str) and how == "eq":
        return _same_id(field, value)
    if kind in ("text", "exact") and isinstance(value, str) and how in _LOOKUPS and storable(value):
        return Q(**{f"{field}__{'exact' if (kind, how) == ('exact', 'eq') else _LOOKUPS[how]}": value})
    raise _bad(f"{how[:10]} {raw[:60]} cannot be asked of this attribute")


def _time(text: str) -> Any:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _bad(f"{text[:40]!r} is no time with a zone")
    return found


def _same_id(field: str, text: str) -> Q:
    plain = re.fullmatch(r"[0-9a-fA-F-]{32,36}", text)
    return Q(**{field: text}) if plain and len(text.replace("-", "")) == 32 else Q(pk__in=[])
