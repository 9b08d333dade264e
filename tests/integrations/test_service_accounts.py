"""Pods that ask and report with the token that their cluster projects: of one service account, for a time."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.http import HttpResponse

from apps.audit.errors import Invalid
from apps.audit.models import Event
from apps.deploys import commands
from apps.deploys.models import TokenUse
from tests import factories
from tests.api.asking import Asker
from tests.cli.loopback import Asked, Told
from tests.integrations.site import Elsewhere, Site, made
from tests.standing import Standing

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
ROW = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "1", "use": "sig"}
ISSUER, AUDIENCE = "https://kubernetes.default.svc.cluster.local", "https://countersign.bank.example"
ASK = {"model": "credit-pd", "version": "1", "environment": "production"}


def jwks(*rows: Any) -> str:
    return json.dumps({"keys": list(rows or [ROW])})


@pytest.fixture
def site(world: Standing) -> Site:
    found = made("cluster-oidc", given={"jwks": jwks()}, issuer=ISSUER, audience=AUDIENCE)
    found.bind(source="scoring/presync", place="", version_from="asked")
    return found


def token(*, key: Any = KEY, **changes: Any) -> str:
    """As a cluster of 1.34 makes it."""
    now = int(time.time())
    place = {
        "namespace": "scoring",
        "node": {"name": "n1", "uid": str(uuid.uuid4())},
        "pod": {"name": "presync-1", "uid": str(uuid.uuid4())},
        "serviceaccount": {"name": "presync", "uid": str(uuid.uuid4())},
        **changes.pop("place", {}),
    }
    claims = {
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "sub": "system:serviceaccount:scoring:presync",
        "exp": now + 3600,
        "nbf": now,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": place,
    }
    given = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(given, key, algorithm="RS256", headers={"kid": "1"})


def ask(raw: str, **changes: str) -> HttpResponse:
    return Asker(raw).post("/admissions", {**ASK, **changes})


def test_a_job_of_the_cluster_is_answered_and_may_ask_again_with_the_same_token(site: Site) -> None:
    raw = token()

    assert [ask(raw).json()["allowed"] for _ in range(2)] == [True, True]
    (used,) = Event.objects.filter(action="identity.used")
    assert used.doc["after"]["source"] == "scoring/presync"
    assert used.doc["after"]["pod"] == "presync-1"
    assert TokenUse.objects.count() == 1


def test_an_older_cluster_gives_its_tokens_no_id(site: Site) -> None:
    assert ask(token(jti=None)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.svc.cluster.local"},
        {"aud": ["https://kubernetes.default.svc.cluster.local"]},
        {"aud": [AUDIENCE, "https://kubernetes.default.svc.cluster.local"]},
        {"aud": []},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": int(time.time()) + 25 * 3600},
        {"nbf": int(time.time()) + 10**6},
        {"sub": "system:serviceaccount:scoring:other"},
        {"sub": "system:node:n1"},
        {"place": {"namespace": "other"}},
        {"place": {"pod": None}},
        {"place": {"serviceaccount": "presync"}},
        {"kubernetes.io": None},
        {"kubernetes.io": "scoring"},
        {"key": OTHER},
    ],
)
def test_a_token_that_says_something_else_is_not_believed(site: Site, changes: dict[str, Any]) -> None:
    assert ask(token(**changes)).status_code == 401


def test_another_service_account_of_the_cluster_asks_of_nothing(site: Site) -> None:
    sub = "system:serviceaccount:scoring:other"
    other = token(sub=sub, place={"serviceaccount": {"name": "other", "uid": "1"}})
    assert ask(other).status_code == 403
    assert ask(token(), environment="staging").status_code == 403
    assert ask(token(), model="card-limit").status_code == 403


def test_a_cluster_reports_what_runs_and_takes_the_list_of_revocations(site: Site, world: Standing) -> None:
    cluster = Asker(token())
    report = {"environment": "production", "slot": "scoring/credit-pd", "digest": world.deployment.digest}

    assert cluster.post("/deployments", report).status_code == 200
    assert cluster.post("/deployments", {**report, "environment": "staging"}).status_code == 403
    assert cluster.get("/revocations").status_code == 200
    assert cluster.get("/deployments").status_code == 403
    assert cluster.get("/models").status_code == 401


def test_without_given_keys_the_issuer_is_asked_at_the_named_host(
    world: Standing, elsewhere: Elsewhere
) -> None:
    def answers(asked: Asked) -> Told:
        if asked.path.endswith("openid-configuration"):
            return Told(200, {"issuer": elsewhere.url, "jwks_uri": f"{elsewhere.url}/openid/v1/jwks"})
        return Told(200, {"keys": [ROW]})

    elsewhere.answers = answers
    site = made("cluster-oidc", hosts=elsewhere.host, issuer=elsewhere.url, audience=AUDIENCE)
    site.bind(source="scoring/presync", place="scoring", version_from="asked")

    assert ask(token(iss=elsewhere.url)).status_code == 200
    assert len(elsewhere.told("jwks")) == 1


def test_only_public_keys_and_whole_names_are_taken(world: Standing) -> None:
    secret = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    by, site = factories.administrator(), made("cluster-oidc", issuer=ISSUER, audience=AUDIENCE)
    for text in ("{}", "x", secret, jwks({**ROW, "d": "AA"}), jwks({"kty": "oct", "k": "AA"}), "[" * 5000):
        with pytest.raises(Invalid, match="The keys cannot be read"):
            commands.give_secret(by=by, integration=site.row, name="jwks", value=text)
    for source in ("", "scoring", "scoring/a/b", "Scoring/x"):
        with pytest.raises(Invalid, match="namespace/name"):
            site.bind(source=source, place="x", version_from="asked")
