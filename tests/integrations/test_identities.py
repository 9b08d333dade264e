"""Jobs that ask with the identity of their platform: what it must say, once, and of what it may ask."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse

from apps.audit.errors import Invalid
from apps.audit.models import Event
from apps.deploys import commands
from tests import factories
from tests.api.asking import Asker
from tests.cli.loopback import Asked, Told
from tests.integrations.site import Elsewhere, Site, made

pytestmark = pytest.mark.usefixtures("world")

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
AUDIENCE = "https://countersign.bank.example"
ASK = {"model": "credit-pd", "version": "1", "environment": "production"}


@pytest.fixture
def issuer(elsewhere: Elsewhere) -> Elsewhere:
    """A local issuer: its description and its keys."""
    row = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "1", "use": "sig"}

    def answers(asked: Asked) -> Told:
        if asked.path.endswith("openid-configuration"):
            return Told(200, {"issuer": elsewhere.url, "jwks_uri": f"{elsewhere.url}/keys"})
        return Told(200, {"keys": [row]})

    elsewhere.answers = answers
    return elsewhere


@pytest.fixture
def site(issuer: Elsewhere) -> Site:
    found = made("ci-oidc", hosts=issuer.host, issuer=issuer.url, audience=AUDIENCE, owners="65")
    found.bind(source="74", place="production", version_from="asked")
    return found


def token(issuer: Elsewhere, *, key: Any = KEY, algorithm: str = "RS256", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": issuer.url,
        "aud": AUDIENCE,
        "sub": "repo:bank@65/credit@74:environment:production",
        "exp": now + 300,
        "nbf": now - 5,
        "iat": now,
        "jti": uuid.uuid4().hex,
        "repository_id": "74",
        "repository_owner_id": "65",
        "event_name": "push",
        "environment": "production",
        "run_id": "5000",
        "actor": "octocat",
    }
    given = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers={"kid": "1"})


def ask(raw: str, *, key: str = "", **changes: str) -> HttpResponse:
    return Asker(raw).post("/admissions", {**ASK, **changes}, key=key)


def test_a_job_is_answered_as_any_pipeline(site: Site, issuer: Elsewhere) -> None:
    raw = token(issuer)
    answer = ask(raw)

    assert (answer.status_code, answer.json()["allowed"]) == (200, True)
    assert ask(token(issuer), version="2").json()["outcome"] == "pending"
    assert Asker(raw).get(answer["Location"].removeprefix("/api/v1")).content == answer.content
    (used, *_) = Event.objects.filter(action="identity.used")
    assert used.doc["after"] == {"source": "74", "place": "production", "run_id": "5000"}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://token.actions.githubusercontent.com"},
        {"aud": "https://elsewhere.example"},
        {"aud": [AUDIENCE, "https://elsewhere.example"]},
        {"exp": -120},
        {"nbf": 1000},
        {"iat": 1000},
        {"repository_id": None},
        {"repository_id": "bank/credit"},
        {"repository_owner_id": "66"},
        {"event_name": "pull_request"},
        {"event_name": "pull_request_target"},
        {"event_name": None},
        {"jti": None},
    ],
    ids=lambda changes: " ".join(f"{k}={v}"[:30] for k, v in changes.items()),
)
def test_a_token_that_says_something_else_is_not_believed(
    site: Site, issuer: Elsewhere, changes: dict[str, Any]
) -> None:
    now = int(time.time())  # not among the parameters, whose names must be the same in every process
    moved = {name: now + value if name in ("exp", "nbf", "iat") else value for name, value in changes.items()}
    assert ask(token(issuer, **moved)).status_code == 401


def test_a_token_of_another_key_or_of_none_is_not_believed(site: Site, issuer: Elsewhere) -> None:
    head, body, sign = token(issuer).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for raw in (
        token(issuer, key=OTHER),
        token(issuer, key="x" * 64, algorithm="HS256"),
        f"{none}.{body}.",
        f"{head}.{body}.{sign[:-4]}AAAA",
        f"{head}.{body[:-4]}AAAA.{sign}",
        "a.b.c",
        "..",
    ):
        assert ask(raw).status_code == 401, raw[:40]


def test_the_text_of_sub_decides_nothing(site: Site, issuer: Elsewhere) -> None:
    assert ask(token(issuer, sub="repo:evil/credit:ref:refs/heads/main")).status_code == 200
    assert ask(token(issuer, repository_id="75")).status_code == 403


def test_a_token_is_taken_once_but_the_same_request_may_come_again(site: Site, issuer: Elsewhere) -> None:
    raw = token(issuer)

    assert [ask(raw, key="one").status_code for _ in range(2)] == [200, 200]
    assert ask(raw, key="two").status_code == 401
    assert ask(raw).status_code == 401


@pytest.mark.parametrize("changes", [{"model": "card-limit"}, {"environment": "staging"}])
def test_a_job_asks_only_of_what_its_repository_is_bound_to(
    site: Site, issuer: Elsewhere, changes: dict[str, str]
) -> None:
    assert ask(token(issuer), **changes).status_code == 403


def test_another_environment_of_the_repository_is_not_bound(site: Site, issuer: Elsewhere) -> None:
    assert ask(token(issuer, environment="staging")).status_code == 403
    assert ask(token(issuer, environment=None)).status_code == 403


def test_it_opens_nothing_but_the_deploy_gate(site: Site, issuer: Elsewhere) -> None:
    raw = token(issuer)
    statuses = [Asker(raw).get(path).status_code for path in ("/models", "/events", "/runs", "/admissions")]
    assert statuses == [401, 401, 401, 403]


def test_an_issuer_that_is_away_means_not_decided(site: Site, issuer: Elsewhere) -> None:
    raw = token(issuer)
    issuer.answers = lambda _: None
    assert ask(raw).status_code == 503


def test_a_disabled_integration_trusts_nobody(site: Site, issuer: Elsewhere) -> None:
    commands.switch_integration(by=factories.administrator(), integration=site.row, on=False, reason="Moved.")
    assert ask(token(issuer)).status_code == 401


def test_a_repository_is_bound_by_its_number(site: Site) -> None:
    for source in ("", "bank/credit"):
        with pytest.raises(Invalid, match="by its number"):
            site.bind(source=source, place="x", version_from="asked")
