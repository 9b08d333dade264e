"""Users and groups as directories write and read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from apps.access.scim import AccountFields, GroupFields
from apps.api.scim.faults import invalid
from apps.api.scim.schemas import GROUP, USER

_MOST_MEMBERS = 20_000


def _meta(kind: str, row: Any, base: str) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "created": row.created_at.isoformat().replace("+00:00", "Z"),
        "lastModified": row.changed_at.isoformat().replace("+00:00", "Z"),
        "location": f"{base}/{kind}s/{row.uid}",
        "version": etag(row),
    }


def etag(row: Any) -> str:
    """The version of a row as an ETag."""
    return f'W/"{row.version}"'


def user(account: Any, base: str, groups: Iterable[Any] = ()) -> dict[str, Any]:
    """An account; empty attributes are left out."""
    person = account.person
    name = {"familyName": account.family_name, "givenName": account.given_name}
    found = {
        "schemas": [USER],
        "id": str(account.uid),
        "externalId": account.external_id,
        "userName": account.user_name,
        "name": {key: value for key, value in name.items() if value},
        "displayName": account.display_name,
        "emails": [{"value": person.email, "type": "work"}] if person.email else [],
        "active": person.is_active,
        "groups": [
            {"value": str(one.uid), "$ref": f"{base}/Groups/{one.uid}", "display": one.name} for one in groups
        ],
        "meta": _meta("User", account, base),
    }
    return {key: value for key, value in found.items() if value not in ("", [], {})}


def group(row: Any, base: str, members: Iterable[Any]) -> dict[str, Any]:
    """A group with its members."""
    found = {
        "schemas": [GROUP],
        "id": str(row.uid),
        "externalId": row.external_id,
        "displayName": row.name,
        "members": [
            {
                "value": str(one.uid),
                "$ref": f"{base}/Users/{one.uid}",
                "type": "User",
            }
            for one in members
        ],
        "meta": _meta("Group", row, base),
    }
    return {key: value for key, value in found.items() if value not in ("", [])}


def account_fields(sent: Mapping[str, Any]) -> AccountFields:
    """What a directory sent as a user; attributes that are not kept are left."""
    found = {str(key).casefold(): value for key, value in sent.items()}
    name = _mapping(found.get("name"), "name")
    return AccountFields(
        user_name=_text(found.get("username"), "userName"),
        external_id=_text(found.get("externalid"), "externalId"),
        name=_text(found.get("displayname"), "displayName") or _text(name.get("formatted"), "name.formatted"),
        given_name=_text(name.get("givenname"), "name.givenName"),
        family_name=_text(name.get("familyname"), "name.familyName"),
        email=_email(found.get("emails")),
        active=truth(found.get("active", True), "active"),
    )


def group_fields(sent: Mapping[str, Any]) -> GroupFields:
    """What a directory sent as a group."""
    found = {str(key).casefold(): value for key, value in sent.items()}
    return GroupFields(
        name=_text(found.get("displayname"), "displayName"),
        external_id=_text(found.get("externalid"), "externalId"),
        members=members(found.get("members")),
    )


def members(sent: Any) -> frozenset[UUID]:
    """The ids of members."""
    rows = _rows(sent, "members")
    if len(rows) > _MOST_MEMBERS:
        raise invalid(f'"members" holds more than {_MOST_MEMBERS:,}.')
    try:
        return frozenset(UUID(_text(_mapping(one, "members").get("value"), "members.value")) for one in rows)
    except ValueError:
        raise invalid('"members.value" must be the id of a user.') from None


def truth(value: Any, name: str) -> bool:
    """True or false; some directories send them as words."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    raise invalid(f'"{name}" must be true or false.')


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f'"{name}" must be text.')
    return value


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f'"{name}" must be an object.')
    return {str(key).casefold(): inner for key, inner in value.items()}


def _rows(value: Any, name: str) -> list[Any]:
    rows = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in rows):
        raise invalid(f'"{name}" must be a list of objects.')
    return rows


def _email(value: Any) -> str:
    """The primary address, else the first."""
    rows = [_mapping(one, "emails") for one in _rows(value, "emails")]
    chosen = next((one for one in rows if one.get("primary") is True), rows[0] if rows else {})
    return _text(chosen.get("value"), "emails.value")
