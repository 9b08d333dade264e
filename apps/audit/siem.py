"""Events in the forms that security monitoring reads: OCSF objects and RFC 5424 lines. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.engine.canonical import read_time

OCSF_VERSION = "1.4.0"
PRODUCT = {"name": "Countersign", "vendor_name": "Countersign"}
# Classes of OCSF: account change, authentication, user access management, API activity, and the rest.
_ACCOUNT, _SIGN_IN, _ACCESS, _ENTITY = 3001, 3002, 3005, 3004
_CLASSES = {
    "person": (_ACCOUNT, "Account Change"),
    "password": (_ACCOUNT, "Account Change"),
    "token": (_ACCOUNT, "Account Change"),
    "session": (_SIGN_IN, "Authentication"),
    "reauthentication": (_SIGN_IN, "Authentication"),
    "role": (_ACCESS, "User Access Management"),
}
# What each class calls these; 99 is OCSF's "other", named by the event itself.
_ACTIVITIES = {
    "person.created": (1, "Create"),
    "person.disabled": (5, "Disable"),
    "person.erased": (6, "Delete"),
    "password.changed": (3, "Password Change"),
    "session.opened": (1, "Logon"),
    "session.refused": (1, "Logon"),
    "role.granted": (1, "Assign Privileges"),
    "role.ended": (2, "Revoke Privileges"),
}
_MADE = frozenset(
    {"created", "registered", "opened", "added", "declared", "made", "sealed", "granted", "stored"}
)
_CHANGED = frozenset(
    {"changed", "assigned", "set", "remediated", "reopened", "returned", "claimed", "decided"}
)
_ENDED = frozenset({"retired", "closed", "revoked", "withdrawn", "cancelled", "erased", "ended"})
_FAILED = frozenset({"refused", "rejected", "errored", "dead", "lost"})
_GRAVE = {"key.revoked": 5, "epoch.opened": 5, "session.refused": 3, "approval.revoked": 3, "run.dead": 3}
_SEVERITIES = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
_TYPES = {"person": (1, "User"), "service": (3, "System"), "system": (3, "System")}

LOCAL_FACILITY = 13  # log audit
_SYSLOG = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2}  # severities of OCSF as those of syslog
_NAME = re.compile(r"[^!-~]")


def ocsf(event_doc: Mapping[str, Any]) -> dict[str, Any]:
    """An event as an OCSF object; the record itself stands under `unmapped`, untouched.

    >>> about = {"type": "model", "id": "1", "name": "credit-pd"}
    >>> doc = {"v": 2, "id": "x", "ts": "2026-03-01T12:00:00.000000Z", "action": "model.registered",
    ...        "actor": {"type": "person", "id": "7"}, "object": about}
    >>> told = ocsf(doc)
    >>> told["class_uid"], told["activity_name"], told["time"], told["type_uid"]
    (3004, 'Create', 1772366400000, 300401)
    """
    action = str(event_doc["action"])
    kind, name = _class(action)
    activity, words = _activity(kind, action)
    severity = _GRAVE.get(action, 1)
    failed = action.rpartition(".")[2] in _FAILED
    told: dict[str, Any] = {
        "class_uid": kind,
        "class_name": name,
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "activity_id": activity,
        "activity_name": words,
        "type_uid": kind * 100 + activity,
        "time": int(_moment(event_doc).timestamp() * 1000),
        "severity_id": severity,
        "severity": _SEVERITIES[severity],
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "message": sentence(event_doc),
        "metadata": _metadata(event_doc, action),
        "actor": _actor(event_doc),
        "unmapped": dict(event_doc),
    }
    return told | _subject(kind, event_doc)


def _class(action: str) -> tuple[int, str]:
    return _CLASSES.get(action.partition(".")[0], (_ENTITY, "Entity Management"))


def _activity(kind: int, action: str) -> tuple[int, str]:
    """What was done, in the numbers of its class."""
    verb = action.rpartition(".")[2]
    if kind != _ENTITY:
        return _ACTIVITIES.get(action, (99, verb))
    for number, words, verbs in ((1, "Create", _MADE), (3, "Update", _CHANGED), (4, "Delete", _ENDED)):
        if verb in verbs:
            return number, words
    return 99, verb


def _moment(event_doc: Mapping[str, Any]) -> datetime:
    return read_time(event_doc["ts"], what='"ts" of the event')


def _metadata(event_doc: Mapping[str, Any], action: str) -> dict[str, Any]:
    told = {"version": OCSF_VERSION, "product": PRODUCT, "uid": event_doc["id"], "event_code": action}
    request = event_doc.get("request_id")
    return told | ({"correlation_uid": request} if request else {})


def _actor(event_doc: Mapping[str, Any]) -> dict[str, Any]:
    told = event_doc["actor"]
    number, words = _TYPES.get(told["type"], (99, str(told["type"])))
    user = {"uid": told["id"], "type_id": number, "type": words}
    if told.get("name"):
        user["name"] = told["name"]
    return {"user": user}


def _subject(kind: int, event_doc: Mapping[str, Any]) -> dict[str, Any]:
    """Of whom or of what: a user where the class is about users, else an entity."""
    about = event_doc["object"]
    named = {"uid": about["id"]} | ({"name": about["name"]} if about.get("name") else {})
    if kind != _ENTITY:
        return {"user": named | {"type_id": 1, "type": "User"}}
    return {"entity": named | {"type": about["type"]}}


def sentence(event_doc: Mapping[str, Any]) -> str:
    """An event in one line that holds nothing which a log could obey."""
    actor, about = event_doc["actor"], event_doc["object"]
    who = f"{actor['type']} {actor.get('name') or actor['id']}"
    what = f"{about['type']} {about.get('name') or about['id']}"
    return plain(f"{event_doc['action']} by {who} on {what}")


def plain(text: str) -> str:
    """Text in one line: control characters and escapes are shown, never sent."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def syslog_line(
    event_doc: Mapping[str, Any], *, host: str, process: str = "-", facility: int = LOCAL_FACILITY
) -> bytes:
    r"""An event as one line of RFC 5424: structured data to search by, the OCSF object as the message.

    >>> doc = {"id": "x", "ts": "2026-03-01T12:00:00.000000Z", "action": "run.dead",
    ...        "actor": {"type": "system", "id": "relay"}, "object": {"type": "run", "id": "a]b\n"}}
    >>> syslog_line(doc, host="bank.example")[:52]
    b'<108>1 2026-03-01T12:00:00.000000Z bank.example coun'
    """
    told = ocsf(event_doc)
    about = event_doc["object"]
    pairs = {
        "id": event_doc["id"],
        "action": event_doc["action"],
        "actor": event_doc["actor"]["id"],
        "type": about["type"],
        "object": about["id"],
    }
    data = " ".join(f'{name}="{_value(value)}"' for name, value in pairs.items())
    head = (
        f"<{facility * 8 + _SYSLOG[told['severity_id']]}>1",
        _moment(event_doc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        _word(host, 255),
        "countersign",
        _word(process, 128),
        _word(str(event_doc["action"]), 32),
        f"[countersign@32473 {data}]",
    )
    message = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return " ".join(head).encode() + b" \xef\xbb\xbf" + message.encode("utf-8", "replace")


def _word(text: str, longest: int) -> str:
    """A field of the head: printable ASCII without blanks."""
    return _NAME.sub("_", text)[:longest] or "-"


def _value(value: Any) -> str:
    """A value of the structured data, its three special characters escaped."""
    text = plain(str(value))
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
