"""A cluster asks: a faithful API server over TLS, every model that a resource loads, and nothing left out.

No API server is packaged for tests: the one here does what the real one documents. It checks the chain of the
certificate, gives up after three seconds, and believes only an answer of its own version that echoes the uid.
"""

from __future__ import annotations

import datetime as time
import http.client
import ipaddress
import json
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

from apps.approvals import commands as approvals
from apps.audit.models import Event
from apps.deploys import clusters
from apps.deploys.clusters import Asking
from apps.deploys.commands import make_integration
from apps.deploys.models import Admission, Integration
from apps.engine.kubernetes import Load, loads
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
STRANGE = "sha256:" + "9" * 64


def cluster(kind: str = "kubernetes", **settings: str) -> Integration:
    by, account = factories.administrator(), factories.service()
    return make_integration(
        by=by,
        kind=kind,
        name=f"eu-{kind}",
        account=account,
        settings={"environment": "production", **settings},
    )[0]


def notes(**changes: str) -> dict[str, str]:
    version = bank.version()
    named = {"model": "credit-pd", "version": "1", "digest": version.digest, **changes}
    return {f"countersign.dev/{name}": value for name, value in named.items() if value}


def inference(annotations: dict[str, str], **spec: Any) -> dict[str, Any]:
    predictor = {"model": {"modelFormat": {"name": "onnx"}, "storageUri": "s3://models/credit-pd/1"}}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "credit-pd", "namespace": "scoring", "annotations": annotations},
        "spec": {"predictor": predictor, **spec},
    }


def question(resource: dict[str, Any], **changes: Any) -> dict[str, Any]:
    request = {
        "uid": UID,
        "kind": {"group": "serving.kserve.io", "version": "v1beta1", "kind": resource["kind"]},
        "name": "credit-pd",
        "namespace": "scoring",
        "operation": "CREATE",
        "userInfo": {"username": "system:admin", "groups": ["system:masters"]},
        "object": resource,
        "oldObject": None,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**request, **changes}}


@pytest.fixture
def review(client) -> Callable[..., dict[str, Any]]:
    """Ask the webhook of a new cluster; the response part of a well-formed answer."""

    def ask(resource: dict[str, Any], *, of: Integration | None = None, **changes: Any) -> dict[str, Any]:
        row = of or Integration.objects.filter(kind="kubernetes").first() or cluster()
        told = client.post(
            f"/hooks/kubernetes/{row.pk}", question(resource, **changes), content_type="application/json"
        )
        assert told.status_code == 200, told.content
        body = told.json()
        assert (body["apiVersion"], body["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        assert body["response"]["uid"] == UID
        return dict(body["response"])

    return ask


def test_an_approved_version_is_admitted_with_the_admission_in_the_cluster_s_log(review) -> None:
    bank.granted()
    told = review(inference(notes()))
    assert told["allowed"]
    assert told["auditAnnotations"]["admission"] == str(Admission.objects.get().pk)


def test_limits_are_warnings_of_at_most_256_characters(review) -> None:
    bank.granted(note="x" * 600, environments=["production"])
    told = review(inference(notes()))
    assert told["allowed"]
    assert told["warnings"]
    assert all(len(warning) <= 256 for warning in told["warnings"])


@pytest.mark.parametrize("missing", ["model", "version", "digest"])
def test_a_missing_annotation_is_denied_by_name(review, missing: str) -> None:
    bank.granted()
    told = review(inference(notes(**{missing: ""})))
    assert (told["allowed"], told["status"]["code"]) == (False, 403)
    assert f"the annotation “{missing}” is missing" in told["status"]["message"]
    assert not Admission.objects.exists()


def test_other_bytes_a_revoked_approval_and_other_uses_are_denied(review) -> None:
    approval = bank.granted()
    assert "is registered with" in review(inference(notes(digest=STRANGE)))["status"]["message"]
    assert "nearest approved use" in review(inference(notes(use="marketing")))["status"]["message"]
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    assert "The approval is revoked" in review(inference(notes()))["status"]["message"]


def test_a_dry_run_decides_and_leaves_no_trace(review) -> None:
    bank.granted()
    row = cluster()
    events = Event.objects.count()
    assert review(inference(notes()), of=row, dryRun=True)["allowed"]
    assert not review(inference(notes(digest=STRANGE)), of=row, dryRun=True)["allowed"]
    assert not Admission.objects.exists()
    assert Event.objects.count() == events


def test_what_is_taken_away_or_awaits_its_end_needs_no_permission(review) -> None:
    resource = inference({})
    assert review(resource, operation="DELETE", object=None)["allowed"]
    ending = {**resource, "metadata": {**resource["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z"}}
    assert review(resource, operation="UPDATE", oldObject=ending)["allowed"]
    assert not review(inference({}, canary={}), operation="UPDATE", oldObject=ending)["allowed"]
    assert not review(ending, operation="CREATE")["allowed"]


def test_a_canary_with_another_model_is_looked_at_too(review) -> None:
    bank.granted()
    other = {"model": {"storageUri": f"s3://models/credit-pd/2@{STRANGE}"}}
    told = review(inference(notes(), canary=other))
    assert not told["allowed"]
    assert "must end in @sha256" in told["status"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}, 400),
        ({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {}}, 400),
        ([], 400),
    ],
)
def test_what_is_no_review_is_no_answer_that_allows(client, body: Any, status: int) -> None:
    told = client.post(f"/hooks/kubernetes/{cluster().pk}", body, content_type="application/json")
    assert told.status_code == status
    assert "allowed" not in told.content.decode()


def test_whoever_does_not_know_the_address_or_lacks_the_certificate_learns_nothing(client) -> None:
    row = cluster(certificate="a" * 64)
    body = question(inference({}))
    strange = client.post(f"/hooks/kubernetes/{UID}", body, content_type="application/json")
    bare = client.post(f"/hooks/kubernetes/{row.pk}", body, content_type="application/json")
    assert strange.status_code == bare.status_code == 401
    assert strange.json()["detail"] == bare.json()["detail"]
    seen = {"X-Client-Certificate-SHA256": ":".join(["AA"] * 32)}
    told = client.post(f"/hooks/kubernetes/{row.pk}", body, content_type="application/json", headers=seen)
    assert told.status_code == 200


def test_a_body_over_three_mebibytes_and_another_type_are_refused_unread(client) -> None:
    address = f"/hooks/kubernetes/{cluster().pk}"
    large = client.post(address, b"{" + b" " * (3 << 20), content_type="application/json")
    other = client.post(address, b"{}", content_type="text/plain")
    assert (large.status_code, other.status_code) == (413, 415)


def test_what_is_not_decided_in_time_is_not_allowed() -> None:
    bank.granted()
    ticks = iter([0.0, clusters.PATIENCE_S + 0.1])
    asking = Asking(factories.service(), "production", clock=lambda: next(ticks))
    told = asking.one(Load(where="", model="credit-pd", version="1", digest=bank.version().digest))
    assert (told.allowed, told.outcome) == (False, "error")


# Every place that loads a model ------------------------------------------------------------------------

NAMED = {f"countersign.dev/{k}": v for k, v in (("model", "m"), ("version", "1"), ("digest", "0" * 64))}


def resource(kind: str, spec: dict[str, Any]) -> list[Load]:
    return loads(kind, {"kind": kind, "metadata": {"annotations": NAMED}, "spec": spec})


def container(address: str) -> dict[str, Any]:
    return {"name": "c", "env": [{"name": "STORAGE_URI", "value": address}]}


@pytest.mark.parametrize(
    ("kind", "spec", "places"),
    [
        ("Model", {"storageUri": "s3://a"}, ["spec.storageUri"]),
        ("LLMInferenceService", {"model": {"uri": "hf://a", "lora": {"adapters": [{"uri": "hf://b"}]}}},
         ["spec.model", "spec.model.lora.adapters[0]"]),
        ("SeldonDeployment",
         {"predictors": [{"graph": {"modelUri": "s3://a", "children": [{"modelUri": "s3://b"}]}},
                         {"graph": {"modelUri": "s3://c"}}]},
         ["spec.predictors[0].graph", "spec.predictors[0].graph.children[0]", "spec.predictors[1].graph"]),
        ("InferenceService", {"predictor": {"sklearn": {"storageUri": "s3://a"}}},
         ["spec.predictor.sklearn"]),
        ("InferenceService", {"predictor": {"containers": [container("s3://a"), container("s3://b")]}},
         ["spec.predictor.containers[c]", "spec.predictor.containers[c]"]),
        ("InferenceService", {}, ["spec.predictor"]),
        ("Deployment", {"template": {"spec": {"containers": [{}, container("s3://a")],
                                              "initContainers": [container("s3://b")]}}},
         ["spec.template.spec", "spec.template.spec.containers[1]", "spec.template.spec.initContainers[0]"]),
        ("CronJob", {"jobTemplate": {"spec": {"template": {"spec": {}}}}},
         ["spec.jobTemplate.spec.template.spec"]),
        ("Unheard", {}, ["spec"]),
    ],
)  # fmt: skip
def test_every_place_that_loads_a_model_is_looked_at(kind, spec, places) -> None:
    assert [load.where for load in resource(kind, spec)] == places


def test_one_annotation_never_speaks_of_two_models() -> None:
    spec = {"predictor": {"containers": [container("s3://a"), container("s3://b@sha256:" + "1" * 64)]}}
    first, second = resource("InferenceService", spec)
    assert "must end in @sha256" in first.fault
    assert (second.fault, second.digest) == ("", "sha256:" + "1" * 64)


def test_an_address_that_says_another_digest_than_the_annotation_is_a_fault() -> None:
    (load,) = resource("Model", {"storageUri": "oci://a@sha256:" + "1" * 64})
    assert "the annotation names sha256:000" in load.fault


def test_more_places_than_anybody_could_mean_are_one_fault() -> None:
    many = {"predictors": [{"graph": {"modelUri": f"s3://{i}"}} for i in range(100)]}
    (load,) = resource("SeldonDeployment", many)
    assert "at most 64" in load.fault


@pytest.mark.parametrize("spec", [None, [], "x", {"predictors": "x"}, {"predictors": [None, 3]}])
def test_a_resource_of_another_shape_is_never_without_a_place(spec: Any) -> None:
    found = loads("SeldonDeployment", {"metadata": "x", "spec": spec})
    assert found
    assert all(load.fault for load in found)


# Gatekeeper ----------------------------------------------------------------------------------------------


def provided(client, *keys: Any, **body: Any) -> dict[str, Any]:
    row = Integration.objects.filter(kind="gatekeeper").first() or cluster("gatekeeper")
    asked = {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": list(keys)},
        **body,
    }
    told = client.post(f"/hooks/gatekeeper/{row.pk}", asked, content_type="application/json")
    assert told.status_code == 200
    return dict(told.json()["response"])


def test_gatekeeper_is_told_key_by_key(client) -> None:
    digest = bank.granted().version.digest
    good, bad = f"production|credit-pd|1|{digest}", f"production|credit-pd|1|{STRANGE}"
    told = provided(client, good, bad, "production|credit-pd", f"staging|credit-pd|1|{digest}")
    assert [item["key"] for item in told["items"]][:2] == [good, bad]
    assert told["items"][0]["value"]["allowed"] is True
    assert told["items"][1]["value"]["allowed"] is False
    assert "is no key" in told["items"][2]["error"]
    assert "answers for production" in told["items"][3]["error"]


@pytest.mark.parametrize("body", [{"kind": "Other"}, {"request": {"keys": "x"}}, {"request": None}])
def test_what_gatekeeper_cannot_have_meant_is_a_system_error(client, body: dict) -> None:
    told = provided(client, **body)
    assert told["items"] == []
    assert told["systemError"]


# The API server over TLS ---------------------------------------------------------------------------------


def _certificate(name: str, key: Any, issuer: Any = None, issuer_key: Any = None) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = time.datetime.now(time.UTC)
    made = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - time.timedelta(minutes=1))
        .not_valid_after(now + time.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        local = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = made.add_extension(local, critical=False)
    return made.sign(issuer_key or key, hashes.SHA256())


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate of a throw-away authority, and that authority's certificate."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("Throw-away", authority_key)
    mine = _certificate("countersign", key, authority, authority_key)
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "server.pem").write_bytes(secret + mine.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context, tmp_path / "ca.pem"


@pytest.fixture
def server(tls: tuple[ssl.SSLContext, Path], settings) -> Iterator[WSGIServer]:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    for signal in (request_started, request_finished):  # the transaction of the test must live on
        signal.disconnect(close_old_connections)
    made = make_server("127.0.0.1", 0, get_wsgi_application())
    made.socket = tls[0].wrap_socket(made.socket, server_side=True)
    yield made
    made.server_close()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _api_server(port: int, path: str, body: dict[str, Any], authority: Path | None) -> dict[str, Any]:
    """What an API server does with failurePolicy Fail: whatever is not a proper yes is a no."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=3, context=context)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        told = json.loads(response.read(1 << 20))
        mine = told["kind"] == "AdmissionReview" and told["response"]["uid"] == body["request"]["uid"]
        return told["response"] if response.status == 200 and mine else {"allowed": False}
    except (OSError, ValueError, KeyError) as problem:
        return {"allowed": False, "problem": str(problem)}
    finally:
        connection.close()


@pytest.mark.parametrize(("trusted", "changes", "allowed"), [
    (True, {}, True),
    (True, {"digest": STRANGE}, False),
    (False, {}, False),
])  # fmt: skip
def test_an_api_server_with_a_chain_it_trusts_is_answered_in_three_seconds(
    server, tls, trusted: bool, changes: dict[str, str], allowed: bool
) -> None:
    bank.granted()
    path, body = f"/hooks/kubernetes/{cluster().pk}", question(inference(notes(**changes)))
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(_api_server, server.server_port, path, body, tls[1] if trusted else None)
        server.handle_request()  # in this thread, where the test's transaction is
        told = asked.result(10)
    assert told["allowed"] is allowed
    assert trusted or "CERTIFICATE_VERIFY_FAILED" in told["problem"]
