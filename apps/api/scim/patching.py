"""Changes of RFC 7644, section 3.5.2: each operation turns one resource into the next."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from apps.api.scim.faults import ScimFault, invalid
from apps.api.scim.schemas import GROUP, PATCH, USER

_MOST = 1000
_PATH = re.compile(
    r"(?P<name>[A-Za-z$][\w$-]*)(?:\[(?P<which>[^\]]{1,300})\])?(?:\.(?P<part>[A-Za-z$][\w$-]*))?\Z"
)
_WHICH = re.compile(r'\s*(?P<part>\w+)\s+eq\s+(?P<value>"[^"\\]*"|true|false)\s*\Z', re.IGNORECASE)
_SINGLE = {
    "username": "userName",
    "externalid": "externalId",
    "displayname": "displayName",
    "active": "active",
}
_PARTS = {"givenname": "givenName", "familyname": "familyName", "formatted": "formatted"}
_READ_ONLY = frozenset({"id", "meta", "groups"})
# What directories send of people and is not kept here.
_LEFT = frozenset(
    {
        "schemas",
        "nickname",
        "profileurl",
        "title",
        "usertype",
        "preferredlanguage",
        "locale",
        "timezone",
        "phonenumbers",
        "ims",
        "photos",
        "addresses",
        "entitlements",
        "roles",
        "x509certificates",
        "password",
    }
)
Resource = dict[str, Any]


def patched(resource: Resource, sent: Resource, *, schema: str) -> Resource:
    """The resource after all operations of a request, or the refusal of the first that cannot be done."""
    found = {str(key).casefold(): value for key, value in sent.items()}
    operations = found.get("operations")
    if PATCH not in (found.get("schemas") or []):
        raise ScimFault(400, f'"schemas" must hold {PATCH}.', "invalidSyntax")
    if not isinstance(operations, list) or not 0 < len(operations) <= _MOST:
        raise ScimFault(400, f'"Operations" must be a list of 1 to {_MOST:,}.', "invalidSyntax")
    after = deepcopy(resource)
    for one in operations:
        _operate(after, one, schema)
    return after


def _operate(resource: Resource, sent: Any, schema: str) -> None:
    if not isinstance(sent, dict):
        raise ScimFault(400, "An operation must be an object.", "invalidSyntax")
    told = {str(key).casefold(): value for key, value in sent.items()}
    how = str(told.get("op", "")).casefold()
    if how not in ("add", "replace", "remove"):
        raise ScimFault(400, f'"op" is {how[:40]!r}; add, replace and remove are known.', "invalidSyntax")
    path, value = told.get("path"), told.get("value")
    if path is not None and not isinstance(path, str):
        raise _no_path(path)
    if path:
        _at(resource, how, path, value, schema)
        return
    if how == "remove":
        raise ScimFault(400, "A removal needs a path.", "noTarget")
    if not isinstance(value, dict):
        raise invalid("Without a path the value must be an object.")
    for name, inner in value.items():
        _at(resource, how, str(name), inner, schema)


def _no_path(path: Any) -> ScimFault:
    return ScimFault(400, f"There is no attribute {str(path)[:80]!r} here.", "invalidPath")


def _at(resource: Resource, how: str, path: str, value: Any, schema: str) -> None:
    plain = path.removeprefix(f"{schema}:")
    if plain.startswith("urn:"):
        return  # an extension that is not kept
    match = _PATH.match(plain)
    if match is None:
        raise _no_path(path)
    name, which, part = match["name"].casefold(), match["which"], (match["part"] or "").casefold()
    if name in _READ_ONLY:
        raise ScimFault(400, f"{match['name']} is not for a directory to change.", "mutability")
    if name not in _LEFT:
        _changer(schema, name, path)(resource, how, name, which, part, value)


Change = Callable[[Resource, str, str, str | None, str, Any], None]


def _changer(schema: str, name: str, path: str) -> Change:
    """Who changes an attribute of that name."""
    users: dict[str, Change] = {"name": _name, "emails": _emails}
    special = users if schema == USER else {"members": _members}
    own = _SINGLE if schema == USER else {"displayname", "externalid"}
    if name in special:
        return special[name]
    if name in own:
        return _single
    raise _no_path(path)


def _single(resource: Resource, how: str, name: str, which: str | None, part: str, value: Any) -> None:
    if which or part:
        raise _no_path(f"{name}.{part}")
    if how != "remove":
        resource[_SINGLE[name]] = value
        return
    if name in ("username", "active") or (name == "displayname" and GROUP in resource["schemas"]):
        raise ScimFault(400, f"{_SINGLE[name]} is required.", "mutability")
    resource.pop(_SINGLE[name], None)


def _name(resource: Resource, how: str, name: str, which: str | None, part: str, value: Any) -> None:
    if which or (part and part not in _PARTS):
        raise _no_path(f"{name}.{part}")
    held = resource.setdefault("name", {})
    if part:
        _set(held, _PARTS[part], None if how == "remove" else value)
    elif how == "remove":
        held.clear()
    elif not isinstance(value, dict):
        raise invalid('"name" must be an object.')
    else:
        for key, inner in value.items():
            _set(held, _PARTS.get(str(key).casefold(), str(key)), inner)


def _set(held: Resource, key: str, value: Any) -> None:
    held.pop(key, None)
    if value is not None:
        held[key] = value


def _emails(resource: Resource, how: str, name: str, which: str | None, part: str, value: Any) -> None:
    held = (resource.get("emails") or [{}])[0]
    if which and not _fits(which, {"type": "work", "primary": True, **held}):
        return  # another address than the one that is kept
    if part in ("type", "primary", "display") and how != "remove":
        return
    if how == "remove":
        resource.pop("emails", None)
    elif part == "value":
        resource["emails"] = [{"value": value}]
    else:
        resource["emails"] = value if isinstance(value, list) else [value]


def _fits(which: str, held: Resource) -> bool:
    match = _WHICH.match(which)
    if match is None:
        raise ScimFault(400, f"Of a list one is chosen by eq, not by {which[:80]!r}.", "invalidFilter")
    wanted = match["value"].strip('"').casefold()
    return str(held.get(match["part"].casefold(), "")).casefold() == wanted


def _members(resource: Resource, how: str, name: str, which: str | None, part: str, value: Any) -> None:
    held: list[Any] = resource.get("members") or []
    if which:
        if how != "remove":
            raise ScimFault(400, "A member is added or removed, not changed.", "noTarget")
        resource["members"] = [one for one in held if not _fits(which, one)]
        return
    rows = value if isinstance(value, list) else [] if value is None else [value]
    if part or not all(isinstance(one, dict) and isinstance(one.get("value"), str) for one in rows):
        raise invalid('"members" must be a list of objects with a value.')
    named = {one["value"].casefold() for one in rows}
    if how == "replace":
        resource["members"] = rows
    elif how == "add":
        known = {one["value"].casefold() for one in held}
        resource["members"] = held + [one for one in rows if one["value"].casefold() not in known]
    else:
        resource["members"] = [one for one in held if named and one["value"].casefold() not in named]
