"""MLflow 3: its versions and runs are read, a tag and an alias say there what the deploy gate answers.

MLflow's deliveries are signed in a way of their own: other headers than Standard Webhooks, and the key is the
text of the secret. They come for creations, tags and aliases alone, and are lost when the server restarts:
each is only a hint to read the registry again, which is read anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard, proving
from apps.deploys.integrations.heard import Delivery, Heard, Overspent
from apps.deploys.integrations.mlflow_calls import get, pages, pairs, post, proof, url_of
from apps.deploys.integrations.mlflow_files import fetch
from apps.deploys.integrations.mlflow_runs import Runs
from apps.deploys.integrations.registries import Found, Mark, Registry, Writing, bounded
from apps.deploys.integrations.sending import NotTold, expected
from apps.deploys.integrations.telling import Way

TAG, ALIAS = "governance.status", "approved"
MARKS = {Mark.APPROVED: "approved", Mark.PENDING: "pending", Mark.REJECTED: "rejected"}
ENTITIES = frozenset({"registered_model", "model_version", "model_version_tag", "model_version_alias"})
_KEPT = (
    "description",
    "source",
    "run_id",
    "current_stage",
    "status",
    "user_id",
    "creation_timestamp",
    "last_updated_timestamp",
)


# What comes in --------------------------------------------------------------------------------------------


def hear(given: Delivery) -> Heard:
    """A delivery of a webhook, once its signature and its time are proved."""
    headers = given.headers
    delivery = headers.get("X-MLflow-Delivery-Id", "")
    if not proving.signed_mlflow(
        given.secrets,
        given.raw,
        delivery=delivery,
        at=headers.get("X-MLflow-Timestamp", ""),
        told=headers.get("X-MLflow-Signature", ""),
        now=given.now,
    ):
        raise heard.unproved()
    body = heard.document(given.raw)
    entity, action = heard.text(body, "entity", longest=60), heard.text(body, "action", longest=60)
    heard.needed(entity=entity, action=action)
    what = f"{entity}.{action}"[:80]
    named = heard.identity(delivery)
    if what == "budget_policy.exceeded":
        spent = _overspent(body)
        return Heard(delivery=named, what=what, outcome=spent.words(), spent=spent)
    if entity not in ENTITIES:
        return Heard(delivery=named, what=what, outcome="nothing to do")
    return Heard(delivery=named, what=what, outcome="the registry is read again", look=True)


def _overspent(body: Mapping[str, Any]) -> Overspent:
    """What a budget of the gateway says; the amounts are MLflow's own, and nobody here vouches for them."""
    data = body.get("data")
    if not isinstance(data, dict):
        raise Invalid("The delivery names no usable “data”.", field="data")
    return Overspent(
        policy=heard.text(data, "budget_policy_id") or "unnamed",
        limit=_amount(data.get("budget_amount")),
        spent=_amount(data.get("current_spend")),
        unit=heard.text(data, "budget_unit", longest=20) or "units",
        action=heard.text(data, "budget_action", longest=20),
    )


def _amount(told: Any) -> str:
    fits = isinstance(told, int | float) and not isinstance(told, bool) and abs(told) < 10**15
    return f"{told:.2f}" if fits else "an unknown amount"


# What is read ---------------------------------------------------------------------------------------------


def read(way: Way) -> Iterator[Found]:
    """Every version of every model, or of those whose name begins as the settings say."""
    begins = tuple(way.settings.get("models", "").split())
    runs = Runs(way)
    for model in pages(way, "registered-models/search", {}, "registered_models"):
        name = heard.text(model, "name", longest=300)
        if not name or (begins and not name.startswith(begins)) or "'" in name or "\\" in name:
            continue
        alias = _alias(model)
        rows = [row for row in _versions(way, name) if _number(row)]
        for row in rows:
            yield _found(name, row, rows, alias, runs.of(heard.text(row, "run_id")))


def _versions(way: Way, name: str) -> list[dict[str, Any]]:
    return list(pages(way, "model-versions/search", {"filter": f"name='{name}'"}, "model_versions"))


def _found(
    name: str, row: dict[str, Any], rows: list[dict[str, Any]], alias: str, run: Mapping[str, Any]
) -> Found:
    number, tags = _number(row), pairs(row.get("tags"))
    said = {key: row[key] for key in _KEPT if row.get(key) not in (None, "")}
    tagged = {key: value for key, value in tags.items() if key != TAG}
    return Found(
        name=name,
        number=number,
        status=_status(number, tags.get(TAG, ""), alias, rows),
        said=bounded({**said, "tags": tagged, **run}),
    )


def _status(number: str, tag: str, alias: str, rows: list[dict[str, Any]]) -> str:
    """What tag and alias say together: an alias on its own claims an approval, too."""
    if tag != MARKS[Mark.APPROVED]:
        return MARKS[Mark.APPROVED] if alias == number else tag[:80]
    tagged = [int(_number(row)) for row in rows if pairs(row.get("tags")).get(TAG) == tag]
    if not alias and int(number) == max(tagged):
        return "approved, and the alias is gone"
    return tag


def _alias(model: Mapping[str, Any]) -> str:
    rows = model.get("aliases")
    found = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    return next((heard.text(row, "version") for row in found if heard.text(row, "alias") == ALIAS), "")


def _number(row: Mapping[str, Any]) -> str:
    told = row.get("version")
    return told if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) < 10 else ""


# What is left there ---------------------------------------------------------------------------------------


def write(way: Way, writing: Writing) -> None:
    """Set the tag; the alias goes to the newest version that is approved, and away with the last of them."""
    body = {"name": writing.name, "version": writing.number, "key": TAG, "value": writing.status}
    post(way, "model-versions/set-tag", body)
    held = _held_by(way, writing.name)
    approved = {int(number) for number in writing.approved if number.isdigit()} - {int(writing.number)}
    if writing.status == MARKS[Mark.APPROVED]:
        approved.add(int(writing.number))
    wanted = str(max(approved)) if approved else ""
    if wanted and held != wanted:
        post(way, "registered-models/alias", {"name": writing.name, "alias": ALIAS, "version": wanted})
    elif held and not wanted:
        body = {"name": writing.name, "alias": ALIAS}
        raw, url = json.dumps(body).encode(), url_of(way, "registered-models/alias", {})
        expected(way.line.send("DELETE", url, raw, proof(way)), 200, 404, of="MLflow")


def _held_by(way: Way, name: str) -> str:
    """The version that has the alias now."""
    told = get(way, "registered-models/get", {"name": name}).get("registered_model")
    return _alias(told) if isinstance(told, dict) else ""


def tried(way: Way) -> str:
    """Whether the server answers, and takes what proves who asks."""
    try:
        get(way, "registered-models/search", {"max_results": "1"})
    except NotTold as fault:
        raise NotTold(
            f"{fault} Is {way.settings['base']} the address of the tracking server, and is its host among "
            "the hosts here, with its network where it is private?"
        ) from None
    return (
        "MLflow answers and lists its models. For its webhooks to reach an address inside your network, set "
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true where it runs."
    )


REGISTRY = Registry(read=read, write=write, marks=MARKS, fetch=fetch)
