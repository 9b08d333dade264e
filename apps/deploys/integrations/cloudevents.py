"""Events in the form of CloudEvents 1.0: what runs, what feeds what, what monitoring found.

One event a request, in structured JSON. It proves itself as Standard Webhooks do, or with the key in a
header where the sender can do no better, and is taken in once by its source and id. A sender that asks
first, as the specification of their delivery says, is answered where its origin is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Delivery, Heard, Reported

MEDIA = "application/cloudevents+json"
RATE = 600  # events a minute
LINEAGE, DEPLOYMENT, MONITORING = "lineage", "deployment", "monitoring"
TYPES: Mapping[str, str] = {
    "dev.countersign.lineage.event.v1": LINEAGE,
    "io.openlineage.run-event": LINEAGE,
    "dev.countersign.deployment.reported.v1": DEPLOYMENT,
    "dev.countersign.monitoring.result.v1": MONITORING,
}


def hear(given: Delivery) -> Heard:
    """One event, once it is proved."""
    if not _proved(given):
        raise heard.unproved()
    body = heard.document(given.raw)
    if body.get("specversion") != "1.0":
        raise Invalid("“specversion” must be 1.0.", field="specversion")
    key, source = heard.text(body, "id"), heard.text(body, "source", longest=400)
    kind = heard.text(body, "type")
    heard.needed(id=key, source=source, type=kind)
    named = hashlib.sha256(f"{source}\n{key}".encode()).hexdigest()
    does = TYPES.get(kind)
    if does is None:
        return Heard(delivery=f"event-{named}", what=kind[:80], outcome="nothing to do")
    reported = Reported(does=does, source=source, key=key, data=_data(body))
    outcome = f"{does} told by {source}"[:300]
    return Heard(delivery=f"event-{named}", what=kind[:80], outcome=outcome, reported=reported)


def _proved(given: Delivery) -> bool:
    headers = given.headers
    if given.settings["signed"] == "key":
        told = headers.get("X-Countersign-Key", "") or proving.carried(headers.get("Authorization", ""))
        return proving.same(given.secrets, told)
    return proving.signed_standard(
        given.secrets,
        given.raw,
        delivery=headers.get("webhook-id", ""),
        at=headers.get("webhook-timestamp", ""),
        told=headers.get("webhook-signature", ""),
        now=given.now,
    )


def _data(body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("datacontenttype", "application/json") != "application/json":
        raise Invalid("“datacontenttype” must be application/json.", field="datacontenttype")
    data = body.get("data")
    if not isinstance(data, dict):
        raise Invalid("“data” is no JSON object.", field="data")
    return data


def handshake(asked: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The headers that let a sender deliver; empty where its origin is not named."""
    origin = asked.get("WebHook-Request-Origin", "")
    if not origin or origin.lower() not in settings.get("origins", "").lower().split():
        return {}
    rate = asked.get("WebHook-Request-Rate", "")
    wanted = int(rate) if rate.isascii() and rate.isdigit() and len(rate) < 7 else RATE
    return {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(max(1, min(wanted, RATE)))}
