"""The deployment protection rule: its published payload in, its published request out."""

from __future__ import annotations

import base64
import copy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.audit.errors import Invalid
from apps.audit.models import Event
from apps.deploys import commands
from apps.deploys.models import Admission, Inbound, Question
from apps.inventory.models import ModelVersion
from apps.notices.people import lines_of
from apps.notices.reach import Place
from tests import factories
from tests.cli.loopback import Asked, Told
from tests.integrations.site import WORKER, Elsewhere, Site, made, signed

pytestmark = pytest.mark.usefixtures("world")

SCHEMAS = Path(__file__).with_name("schemas")
REQUESTED = json.loads((SCHEMAS / "github-requested.json").read_text())
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class FakeGitHub:
    """Installation tokens for whoever proves to be the App; reviews of its own rule; files at a commit."""

    def __init__(self) -> None:
        self.reviews: list[dict[str, Any]] = []
        self.permissions: list[dict[str, str]] = []
        self.file: bytes | None = None
        self.down = 0
        self.deliveries: list[dict[str, Any]] = []
        self.redelivered: list[str] = []

    def __call__(self, asked: Asked) -> Told:
        if self.down:
            self.down -= 1
            return Told(502)
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if asked.path.startswith("/app/"):
            claims = jwt.decode(bearer, KEY.public_key(), algorithms=["RS256"])
            if claims["iss"] != "77" or claims["exp"] - claims["iat"] > 600:
                return Told(401)
            return self._as_app(asked)
        if bearer != "ghs_installation":
            return Told(401)
        if asked.path.endswith("/deployment_protection_rule"):
            self.reviews.append(asked.json)
            return Told(204, b"")
        return self._file()

    def _as_app(self, asked: Asked) -> Told:
        if asked.path.startswith("/app/hook/deliveries"):
            if asked.method == "POST":
                self.redelivered.append(asked.path.split("/")[4])
                return Told(202, {})
            return Told(200, self.deliveries)
        assert asked.path == "/app/installations/2311786/access_tokens"
        assert asked.json["repository_ids"] == [186853002]
        self.permissions.append(asked.json["permissions"])
        return Told(201, {"token": "ghs_installation"})

    def _file(self) -> Told:
        if self.file is None:
            return Told(404, {})
        return Told(200, {"encoding": "base64", "content": base64.encodebytes(self.file).decode()})


@pytest.fixture
def github(elsewhere: Elsewhere) -> FakeGitHub:
    elsewhere.answers = found = FakeGitHub()
    return found


@pytest.fixture
def site(elsewhere: Elsewhere) -> Site:
    return made("github", hosts=elsewhere.host, given={"private_key": PEM}, app_id="77", api=elsewhere.url)


def payload(site: Site, **changes: Any) -> dict[str, Any]:
    body = copy.deepcopy(REQUESTED)
    body["deployment_callback_url"] = body["deployment_callback_url"].replace(
        "https://api.github.com", site.row.settings["api"]
    )
    return {**body, "installation": {"id": 2311786, "node_id": "x"}, **changes}


def delivered(site: Site, body: Any = None, **changes: str) -> HttpResponse:
    raw = json.dumps(payload(site) if body is None else body).encode()
    headers = {
        "X-GitHub-Event": "deployment_protection_rule",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": "sha256=" + signed(site.secrets["webhook"], raw),
    }
    return site.deliver(raw, {**headers, **changes})


def test_the_published_payload_is_what_we_read() -> None:
    jsonschema.validate(REQUESTED, json.loads((SCHEMAS / "github-requested.schema.json").read_text()))


@pytest.mark.parametrize(
    ("version", "state", "said"),
    [("1", "approved", "allow"), ("2", None, "pending"), ("9", "rejected", "deny")],
)
def test_every_outcome_is_told_as_published(
    site: Site, github: FakeGitHub, version: str, state: str | None, said: str
) -> None:
    site.bind(version_from="fixed", version=version)

    assert delivered(site).status_code == 202
    question = site.worked()

    (review,) = github.reviews
    schema = json.loads((SCHEMAS / "github-callback.json").read_text())["requestBody"]["content"]
    jsonschema.validate(review, schema["application/json"]["schema"])
    assert review.get("state") == state
    assert f"Countersign: {said}" in review["comment"]
    assert len(review["comment"]) <= 1024
    assert github.permissions == [{"deployments": "write"}]
    assert (question.told_at is None) is (state is None)
    assert question.admission is not None
    assert str(question.admission.pk) in review["comment"]


def test_while_people_sign_it_is_reported_a_few_times_and_then_waits(site: Site, github: FakeGitHub) -> None:
    site.bind(version_from="fixed", version="2")
    delivered(site)
    for _ in range(12):
        site.worked_later()

    assert len(github.reviews) == 9
    assert Admission.objects.filter(environment="production", version_label="2").count() == 1


def test_the_manifest_at_the_commit_names_the_version_and_its_bytes(site: Site, github: FakeGitHub) -> None:
    version = ModelVersion.objects.get(model__key="credit-pd", label="1")
    from apps.inventory import store

    with store.open(version.manifest_digest) as file:
        github.file = file.read()
    site.bind(version_from="manifest")
    delivered(site)

    assert site.worked().told == "allowed"
    assert github.permissions == [{"contents": "read"}, {"deployments": "write"}]


def test_another_manifest_under_the_same_name_is_denied(site: Site, github: FakeGitHub) -> None:
    github.file = json.dumps(factories.manifest("credit-pd", "1")).encode()
    site.bind(version_from="manifest")
    delivered(site)

    assert site.worked().told == "denied"
    assert "is registered with" in github.reviews[0]["comment"]


@pytest.mark.parametrize("way", ["manifest", "commit", "ref", "asked"])
def test_a_version_that_cannot_be_read_is_denied(site: Site, github: FakeGitHub, way: str) -> None:
    site.bind(version_from=way)
    delivered(site)

    assert site.worked().told == "denied"
    assert github.reviews[0]["state"] == "rejected"


def test_what_nothing_is_bound_to_is_denied(site: Site, github: FakeGitHub) -> None:
    site.bind(place="staging", version_from="fixed", version="1")
    delivered(site)

    assert site.worked().told == "denied"
    assert "Nothing is bound" in github.reviews[0]["comment"]


@pytest.mark.parametrize(
    "changes",
    [
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "sha1=" + "0" * 40},
        {"X-Hub-Signature-256": "sha256=ä"},
    ],
)
def test_what_proves_nothing_is_refused(site: Site, changes: dict[str, str]) -> None:
    answer = delivered(site, **changes)

    assert answer.status_code == 401
    assert site.taken() == []


def test_an_altered_body_is_refused(site: Site) -> None:
    raw = json.dumps(payload(site)).encode()
    sign = {"X-Hub-Signature-256": "sha256=" + signed(site.secrets["webhook"], raw)}
    assert site.deliver(raw.replace(b"production", b"productioN"), sign).status_code == 401


def test_a_delivery_comes_once_and_its_id_says_one_thing(site: Site) -> None:
    assert [delivered(site).status_code for _ in range(3)] == [202, 200, 200]
    assert delivered(site, payload(site, environment="staging")).status_code == 422
    assert Question.objects.count() == Inbound.objects.count() == 1


@pytest.mark.parametrize(
    "callback",
    [
        "https://evil.example/repos/Codertocat/Hello-World/actions/runs/5/deployment_protection_rule",
        "{api}.evil.example/repos/Codertocat/Hello-World/actions/runs/5/deployment_protection_rule",
        "{api}/repos/Codertocat/Other/actions/runs/5/deployment_protection_rule",
        "{api}/repos/Codertocat/Hello-World/actions/runs/5/../6/deployment_protection_rule",
        "{api}/repos/Codertocat/Hello-World/actions/runs/5/deployment_protection_rule?x=1",
        "",
    ],
)
def test_a_callback_that_leads_elsewhere_is_refused(site: Site, callback: str) -> None:
    body = payload(site, deployment_callback_url=callback.format(api=site.row.settings["api"]))
    answer = delivered(site, body)

    assert answer.status_code == 422
    assert "deployment_callback_url" in answer.json()["detail"]
    assert site.taken() == []


def test_too_much_or_of_another_type_is_refused_unread(site: Site) -> None:
    assert site.deliver(b"x" * (2 << 20), {}).status_code == 413
    assert site.deliver(b"{}", {}, content_type="application/x-www-form-urlencoded").status_code == 415


def test_other_events_are_noted_and_ask_nothing(site: Site) -> None:
    assert delivered(site, {"zen": "Keep it."}, **{"X-GitHub-Event": "ping"}).status_code == 202
    assert site.taken() == ["nothing to do"]
    assert not Question.objects.exists()


def test_two_secrets_hold_while_one_is_rotated_and_then_one(site: Site) -> None:
    by, old = factories.administrator(), site.secrets["webhook"]
    new = commands.rotate_secret(by=by, integration=site.row, name="webhook")
    raw = json.dumps(payload(site)).encode()

    def status(secret: str, delivery: str) -> int:
        head = {"X-Hub-Signature-256": "sha256=" + signed(secret, raw), "X-GitHub-Delivery": delivery}
        return site.deliver(raw, head).status_code

    assert (status(old, "a-1"), status(new, "a-2")) == (202, 202)
    newest = commands.rotate_secret(by=by, integration=site.row, name="webhook", at_once=True)
    assert (status(old, "a-3"), status(new, "a-4"), status(newest, "a-5")) == (401, 401, 202)


def test_a_disabled_integration_takes_nothing_in_and_tells_nothing(site: Site, github: FakeGitHub) -> None:
    site.bind(version_from="fixed", version="1")
    delivered(site)
    commands.switch_integration(
        by=factories.administrator(), integration=site.row, on=False, reason="Paused."
    )

    assert site.worked().told_at is None
    assert delivered(site).status_code == 401
    assert github.reviews == []


def test_an_answer_is_sent_until_it_is_taken(site: Site, github: FakeGitHub) -> None:
    site.bind(version_from="fixed", version="1")
    delivered(site)
    github.down = 2

    first = site.worked()
    assert (first.told_at, first.fault) == (None, "GitHub answered 502.")
    assert site.worked().attempts == 1, "its time has not come"
    site.worked_later()
    assert site.worked_later().told == "allowed"
    assert len(github.reviews) == 1
    assert {"inbound.taken", "question.told"} <= set(Event.objects.values_list("action", flat=True))


def test_what_is_never_taken_is_given_up_and_said(site: Site, elsewhere: Elsewhere) -> None:
    site.bind(version_from="fixed", version="1")
    delivered(site)
    elsewhere.answers = lambda _: Told(400, {})

    question = site.worked()

    assert (question.told_at, question.next_at, question.fault) == (None, None, "GitHub answered 400.")
    (event,) = Event.objects.filter(action="question.given_up")
    told = {line.person: line.text for line in lines_of(event.doc, Place())}
    assert told[factories.administrator()] == "A pipeline was never told its answer: 186853002 production"
    client = Client()
    client.force_login(factories.administrator(), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/administration/integrations/{site.row.pk}").text
    assert "given up" in page
    assert "GitHub answered 400." in page


def test_a_question_that_people_never_answer_ends_one_day(site: Site, github: FakeGitHub) -> None:
    site.bind(version_from="fixed", version="2")
    delivered(site)
    assert site.worked().next_at
    Question.objects.update(asked_at=timezone.now() - timedelta(days=31))

    question = site.worked_later()

    assert (question.told_at, question.next_at) == (None, None)
    assert question.fault == "People did not come to an answer within 30 days."
    assert Event.objects.filter(action="question.given_up").count() == 1


def test_no_secret_stands_in_any_row_or_event(site: Site, github: FakeGitHub) -> None:
    site.bind(version_from="fixed", version="1")
    delivered(site)
    site.worked()

    bodies = b"".join(bytes(body) for body in Event.objects.values_list("body", flat=True))
    stored = b"".join(bytes(s.locked) for s in site.row.secrets.all())
    for secret in (site.secrets["webhook"], "ghs_installation", PEM[100:160]):
        assert secret.encode() not in bodies + stored


def test_deliveries_that_never_came_are_asked_for_again(site: Site, github: FakeGitHub) -> None:
    delivered(site)
    known = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    rows = [(1, known, 502), (2, "lost", 504), (3, "came", 200), (4, "came", 502), (5, "lost", 502)]
    event = "deployment_protection_rule"
    github.deliveries = [{"id": n, "guid": g, "status_code": s, "event": event} for n, g, s in rows]

    assert commands.reconcile_integrations(by=WORKER) == 1
    assert github.redelivered == ["2"]


def test_without_the_database_nothing_is_allowed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr("apps.deploys.commands.take_in", gone)
    assert delivered(site).status_code == 503


def test_a_private_key_that_is_none_is_refused(elsewhere: Elsewhere) -> None:
    with pytest.raises(Invalid, match="RSA key of at least 2048 bits"):
        made("github", hosts=elsewhere.host, given={"private_key": "no key"}, app_id="77", api=elsewhere.url)


def test_the_relay_tells_the_workers_of_what_waits(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def send(question_id: int) -> bool:
        sent.append(question_id)
        return True

    monkeypatch.setattr("apps.deploys.integrations.hints.send", send)
    delivered(site)
    Question.objects.update(next_at=timezone.now() - timedelta(seconds=5))

    assert commands.send_question_hints(by=WORKER) == 1
    assert sent == [site.question().pk]
