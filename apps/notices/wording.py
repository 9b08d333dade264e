"""An event in the words of those who are told: CloudEvents for programs, a sentence for people and chats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings

from apps.engine.canonical import canonical
from apps.notices.reach import Place
from apps.notices.states import EndpointKind

TYPE = "dev.countersign"
# What of an event's own words goes out: states, amounts and digests, never text that somebody wrote.
FACTS = (
    "allowed", "decision", "digest", "due", "environment", "gate", "level", "outcome", "severity", "state",
    "statement", "tier", "version",
)  # fmt: skip
_PAGES = {
    "admission": "/admissions/{id}",
    "approval": "/reviews/{id}",
    "decision": "/decisions/{digest}",
    "finding": "/findings/{id}",
    "model": "/models/{name}",
    "question": "/administration/integrations",
    "report": "/reports/{id}",
    "run": "/runs/{id}",
    "waiver_request": "/waivers",
    "waiver": "/waivers",
}


def link_of(about: Mapping[str, Any], place: Place) -> str:
    """The page of a thing; that of its model where it has none."""
    pattern = _PAGES.get(about["type"])
    if pattern is None:
        return f"/models/{quote(place.model, safe='')}" if place.model else "/"
    return pattern.format(**{k: quote(str(about.get(k, "")), safe=":") for k in ("id", "name", "digest")})


def cloud_event(doc: Mapping[str, Any], *, index: int, place: Place) -> bytes:
    """An event as CloudEvents 1.0 says it, in canonical JSON."""
    about, after = doc["object"], doc.get("after")
    told = {k: v for k, v in after.items() if k in FACTS and _plain(v)} if isinstance(after, dict) else {}
    data = {
        "event": doc["action"],
        "sequence": index,
        "object": {k: about[k] for k in ("type", "id", "name", "digest") if about.get(k)},
        "facts": told,
        "url": settings.BASE_URL + link_of(about, place),
    } | ({"model": place.model, "unit": place.unit} if place.model else {})
    return canonical(
        {
            "specversion": "1.0",
            "id": doc["id"],
            "source": settings.BASE_URL,
            "type": f"{TYPE}.{doc['action']}.v1",
            "subject": f"models/{place.model}" if place.model else f"{about['type']}/{about['id']}",
            "time": doc["ts"],
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def _plain(value: object) -> bool:
    return isinstance(value, bool | int) or (isinstance(value, str) and len(value) <= 200)


# Events whose names alone would not say what happened.
_SAID = {"question.given_up": "A pipeline was never told its answer"}


def sentence_of(action: str, name: str, place: Place) -> str:
    """An event in one line: “Approval granted: approval of credit-pd@1”."""
    said = _SAID.get(action) or action.replace(".", " ").replace("_", " ").capitalize()
    where = f" ({place.model})" if place.model and place.model not in name else ""
    return f"{said}: {name}{where}"[:500] if name else f"{said}{where}"[:500]


def sent_to(kind: str, body: bytes) -> tuple[bytes, str]:
    """What an endpoint of a kind is sent, and its media type."""
    if kind == EndpointKind.WEBHOOK:
        return body, "application/cloudevents+json"
    told = json.loads(body)["data"]
    line = sentence_of(told["event"], told["object"].get("name", ""), Place(told.get("model", "")))
    made = slack(line, told["url"]) if kind == EndpointKind.SLACK else teams(line, told["url"])
    return json.dumps(made, ensure_ascii=False).encode(), "application/json"


def slack(line: str, url: str) -> dict[str, Any]:
    """A message for an incoming webhook of Slack; nothing in it can call on people or make links."""
    text = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    block = {"type": "section", "text": {"type": "plain_text", "text": line[:2900], "emoji": False}}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": url}
    return {"text": text, "blocks": [block, {"type": "actions", "elements": [button]}]}


def teams(line: str, url: str) -> dict[str, Any]:
    """A message for a workflow of Microsoft Teams: an adaptive card whose text is no markup."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]}],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": url}],
    }
    attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attached]}
