"""One table of all that a delivery may have wrong: never an allow, never an error of ours."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from standardwebhooks import Webhook

from apps.deploys.integrations.adapters import ADAPTERS
from apps.deploys.models import Inbound, Integration, Question
from tests.deploys.test_clusters import inference, question
from tests.integrations import test_azure as azure
from tests.integrations import test_cloudevents as cloudevents
from tests.integrations import test_databricks as databricks
from tests.integrations import test_github as github
from tests.integrations import test_huggingface as huggingface
from tests.integrations import test_mlflow as mlflow
from tests.integrations import test_sagemaker as sagemaker
from tests.integrations.site import Elsewhere, Site, made, signed

pytestmark = pytest.mark.usefixtures("world")
OTHER = "another-secret-than-the-one-that-was-agreed"
ANOTHER_ID = {"webhook-id": "delivery-2", "X-MLflow-Delivery-Id": "delivery-2"}
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery as its sender would send it; a fault changes what it says after or before it is signed."""

    site: Site
    body: Body
    id: str = "delivery-1"
    at: int = 0
    secret: str = ""
    bare: bytes = b""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.secret or self.site.secrets.get("webhook", "")

    @property
    def raw(self) -> bytes:
        return self.bare or json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of caller: how it is set up, what it says, how it proves itself, where it wants to be told."""

    set_up: Callable[[Elsewhere], Site]
    body: Callable[[Site], Body]
    proof: Callable[[Sent], dict[str, str]]
    elsewhere: Callable[[Sent], Sent] | None = None
    signs_body: bool = False
    signs_time: bool = False
    notes_id: bool = True
    # A registry asks nothing: what it sends only has it read again.
    asks: bool = True
    media: str = "application/json"
    largest: int = 1 << 20


# Who calls ----------------------------------------------------------------------------------------------


def _github(elsewhere: Elsewhere) -> Site:
    given = {"private_key": github.PEM}
    return made("github", hosts=elsewhere.host, given=given, app_id="77", api=elsewhere.url)


def _github_proof(sent: Sent) -> dict[str, str]:
    return {
        "X-GitHub-Event": "deployment_protection_rule",
        "X-GitHub-Delivery": sent.id,
        "X-Hub-Signature-256": f"sha256={signed(sent.key, sent.raw)}",
    }


def _github_elsewhere(sent: Sent) -> Sent:
    url = "https://evil.example/repos/Codertocat/Hello-World/actions/runs/5/deployment_protection_rule"
    return replace(sent, body={**sent.body, "deployment_callback_url": url})


def _gitlab(elsewhere: Elsewhere) -> Site:
    return made("gitlab", hosts=elsewhere.host, given={"token": "glpat-1"}, base=elsewhere.url)


def _gitlab_body(site: Site) -> Body:
    commit = f"https://gitlab.example/flightjs/Flight/-/commit/{'a' * 40}"
    said = {"deployment_id": 15, "environment": "production", "project": {"id": 6}, "commit_url": commit}
    return {"object_kind": "deployment", "status": "blocked", **said}


def _standard_proof(sent: Sent) -> dict[str, str]:
    seconds = int(time.time()) + sent.at
    key = sent.key if sent.key.startswith("whsec_") else "whsec_" + "A" * 43 + "="
    sign = Webhook(key).sign(sent.id, datetime.fromtimestamp(seconds, UTC), sent.raw.decode())
    return {"webhook-id": sent.id, "webhook-timestamp": str(seconds), "webhook-signature": sign}


def _bearer(sent: Sent) -> dict[str, str]:
    return {"Authorization": f"Bearer {sent.key}", **sent.extra}


def _azure_proof(sent: Sent) -> dict[str, str]:
    plan = f"{sent.site.row.hosts[0].partition('=')[0]}/fabrikam"
    ids = {**azure.GUIDS, "JobId": str(uuid.uuid5(uuid.NAMESPACE_URL, sent.id))}
    return _bearer(sent) | {"PlanUrl": plan, "HubName": "checks", "AuthToken": "x", **ids, **sent.extra}


def _jenkins_body(site: Site) -> Body:
    hook = f"{site.row.hosts[0].partition('=')[0]}/webhook-step/0d4c5c51-90c3-4a36"
    return {"id": "delivery-1", "job": "credit", "environment": "production", "hook": hook}


def _jenkins_elsewhere(sent: Sent) -> Sent:
    return replace(sent, body={**sent.body, "hook": "https://evil.example/webhook-step/0d4c5c51-90c3"})


def _sagemaker(elsewhere: Elsewhere) -> Site:
    return made("sagemaker", hosts=elsewhere.host, region="eu-west-1", key_id=sagemaker.KEY)


def _databricks(elsewhere: Elsewhere) -> Site:
    said = {"workspace": elsewhere.url, "schemas": "risk.credit", "task": "approval"}
    return made("databricks", hosts=elsewhere.host, **said)


def _cluster(kind: str) -> Callable[[Elsewhere], Site]:
    return lambda _: made(kind, environment="production", certificate="a" * 64)


def _certificate(sent: Sent) -> dict[str, str]:
    return {"X-Client-Certificate-SHA256": "b" * 64 if sent.secret else "a" * 64}


def _provider_body(site: Site) -> Body:
    keys = {"keys": ["production|credit-pd|9|sha256:" + "0" * 64]}
    return {"apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest", "request": keys}


CALLERS: dict[str, Caller] = {
    "github": Caller(_github, github.payload, _github_proof, elsewhere=_github_elsewhere, signs_body=True),
    "gitlab": Caller(_gitlab, _gitlab_body, _standard_proof, signs_body=True, signs_time=True),
    "azure": Caller(
        lambda other: made("azure", hosts=other.host),
        lambda _: {"environment": "production", "version": "1"},
        _azure_proof,
        elsewhere=lambda sent: replace(sent, extra={"PlanUrl": "https://evil.example/fabrikam"}),
    ),
    "jenkins": Caller(
        lambda other: made("jenkins", hosts=other.host), _jenkins_body, _bearer, elsewhere=_jenkins_elsewhere
    ),
    "sagemaker": Caller(
        _sagemaker,
        lambda _: {**sagemaker.EVENT, "id": "delivery-1"},
        lambda sent: {"X-Countersign-Key": sent.key},
        asks=False,
    ),
    "databricks": Caller(_databricks, lambda _: databricks.RUN, _bearer, asks=False),
    "mlflow": Caller(
        lambda other: made("mlflow", hosts=other.host, base=other.url),
        lambda _: mlflow.TAGGED,
        lambda sent: mlflow.proof(sent.key, sent.raw, delivery=sent.id, at=sent.at),
        signs_body=True,
        signs_time=True,
        asks=False,
    ),
    "huggingface": Caller(
        lambda other: made("huggingface", hosts=other.host, base=other.url, repos=huggingface.REPO),
        lambda _: huggingface.PUSHED,
        lambda sent: {"X-Webhook-Secret": sent.key},
        notes_id=False,
        asks=False,
    ),
    "cloudevents": Caller(
        lambda _: made("cloudevents"),
        lambda _: cloudevents.event("dev.countersign.lineage.event.v1", cloudevents.RUN),
        _standard_proof,
        signs_body=True,
        signs_time=True,
        asks=False,
        media=cloudevents.MEDIA,
    ),
    "kubernetes": Caller(
        _cluster("kubernetes"),
        lambda _: question(inference({})),
        _certificate,
        notes_id=False,
        largest=3 << 20,
    ),
    "gatekeeper": Caller(
        _cluster("gatekeeper"), _provider_body, _certificate, notes_id=False, largest=3 << 20
    ),
}


# What is wrong ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """One caller of one kind, set up, with the delivery it would send."""

    caller: Caller
    sent: Sent

    def send(self, sent: Sent | None = None, raw: bytes | None = None, **more: Any) -> HttpResponse:
        sent = sent or self.sent
        headers = more.pop("headers", self.caller.proof(sent))
        given = {"content_type": self.caller.media, **more}
        return sent.site.deliver(sent.raw if raw is None else raw, headers, **given)


def _altered(one: Attempt) -> HttpResponse:
    return one.send(raw=one.sent.raw.replace(b"production", b"productioN") + b" ")


def _said_again_otherwise(one: Attempt) -> HttpResponse:
    assert one.send().status_code == 202
    changed = replace(one.sent, body={**one.sent.body, "also": "this"})
    return one.send(changed)


def _twice(one: Attempt) -> HttpResponse:
    first, second = one.send(), one.send()
    assert first.status_code == 202
    return second


def _without_database(one: Attempt) -> HttpResponse:
    def gone(*_: object) -> None:
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(gone):
        return one.send()


def _moved(site: Site) -> Site:
    """The same at an address that nobody set up."""
    row = Integration(pk=uuid.uuid4(), hosts=site.row.hosts, settings=site.row.settings)
    return replace(site, row=row)


def _ended(one: Attempt) -> HttpResponse:
    Integration.objects.filter(pk=one.sent.site.row.pk).update(enabled=False)
    return one.send()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, what is answered, and whom it can befall."""

    send: Callable[[Attempt], HttpResponse]
    status: frozenset[int]
    befalls: Callable[[Caller], bool] = lambda _: True
    taken: int = 0


def _fault(
    send: Callable[[Attempt], HttpResponse],
    *status: int,
    befalls: Callable[[Caller], bool] = lambda _: True,
    taken: int = 0,
) -> Fault:
    return Fault(send, frozenset(status), befalls, taken)


FAULTS: dict[str, Fault] = {
    "no proof": _fault(lambda one: one.send(headers={}), 401),
    "another key": _fault(lambda one: one.send(replace(one.sent, secret=OTHER)), 401),
    "nobody set it up": _fault(lambda one: one.send(replace(one.sent, site=_moved(one.sent.site))), 401),
    "it was disabled": _fault(_ended, 401),
    "altered body": _fault(_altered, 401, befalls=lambda c: c.signs_body),
    "old": _fault(lambda one: one.send(replace(one.sent, at=-301)), 401, befalls=lambda c: c.signs_time),
    "of the future": _fault(
        lambda one: one.send(replace(one.sent, at=302)), 401, befalls=lambda c: c.signs_time
    ),
    "another id than was signed": _fault(
        lambda one: one.send(headers={**one.caller.proof(one.sent), **ANOTHER_ID}),
        401,
        befalls=lambda c: c.signs_time,
    ),
    "replayed with another body": _fault(_said_again_otherwise, 422, befalls=lambda c: c.notes_id, taken=1),
    "sent twice": _fault(_twice, 200, befalls=lambda c: c.notes_id, taken=1),
    "too large": _fault(
        lambda one: one.send(replace(one.sent, bare=b"{" + b" " * one.caller.largest + b"}")), 413
    ),
    "another type": _fault(lambda one: one.send(content_type="text/plain"), 415),
    "no object": _fault(lambda one: one.send(replace(one.sent, bare=b"[]")), 200, 400, 422),
    "not JSON": _fault(lambda one: one.send(replace(one.sent, bare=b'{"a":')), 400, 422),
    "to be told elsewhere": _fault(
        lambda one: one.send(one.caller.elsewhere(one.sent) if one.caller.elsewhere else None),
        422,
        befalls=lambda c: c.elsewhere is not None,
    ),
    "no database": _fault(_without_database, 503),
}


# Every one of them --------------------------------------------------------------------------------------

TABLE = [
    pytest.param(kind, name, id=f"{kind}: {name}")
    for kind, caller in CALLERS.items()
    for name, fault in FAULTS.items()
    if fault.befalls(caller)
]


def attempt(kind: str, elsewhere: Elsewhere) -> Attempt:
    caller = CALLERS[kind]
    site = caller.set_up(elsewhere)
    return Attempt(caller, Sent(site, caller.body(site)))


def test_every_caller_stands_in_the_table() -> None:
    assert set(ADAPTERS) | {"kubernetes", "gatekeeper"} == set(CALLERS)


@pytest.mark.parametrize(("kind", "name"), TABLE)
def test_what_is_wrong_is_refused_and_allows_nothing(elsewhere: Elsewhere, kind: str, name: str) -> None:
    fault = FAULTS[name]

    answer = fault.send(attempt(kind, elsewhere))

    assert answer.status_code in fault.status, answer.content[:300]
    assert b'"allowed": true' not in answer.content
    assert Inbound.objects.count() == fault.taken
    assert Question.objects.count() == (fault.taken if CALLERS[kind].asks else 0)
    assert elsewhere.told() == [], "nobody is told anything before a worker has asked the deploy gate"


@pytest.mark.parametrize(
    "kind", [kind for kind, caller in CALLERS.items() if caller.notes_id and caller.asks]
)
def test_what_comes_out_of_order_is_two_questions(elsewhere: Elsewhere, kind: str) -> None:
    one = attempt(kind, elsewhere)
    for number in (2, 1):
        named = {**one.sent.body, "id": f"delivery-{number}"} if "id" in one.sent.body else one.sent.body
        assert one.send(replace(one.sent, id=f"delivery-{number}", body=named)).status_code == 202

    assert Question.objects.filter(told_at=None, admission=None).count() == 2
