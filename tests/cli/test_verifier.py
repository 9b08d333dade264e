"""An admission controller is answered in the cluster, from signed answers alone."""

from __future__ import annotations

import http.client
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.cli.verifier import LARGEST, Verifier, serving
from apps.engine.canonical import canonical, digest, rfc3339
from apps.engine.offline import REVOCATIONS
from apps.engine.statement import Subject, make_statement, sign
from apps.engine.verified import Question
from tests.engine.test_offline import in_log
from tests.engine.test_verify import SIGNER, admission, key_set

ARTIFACT = digest(b"model")
Ask = Callable[[Any], tuple[int, dict[str, Any]]]


def now() -> datetime:
    return datetime.now(UTC)


def revoked(folder: Path, epoch: int) -> None:
    said = {"epoch": epoch, "signedAt": rfc3339(now() - timedelta(seconds=5))}
    made = make_statement(REVOCATIONS, [Subject("countersign:revocations", digest(b"x"))], said)
    (folder / "revocations.json").write_bytes(canonical(sign(canonical(made), SIGNER)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    given = admission(
        revocationEpoch=3,
        notAfter=rfc3339(now() + timedelta(hours=1)),
        timeVerified=rfc3339(now() - timedelta(minutes=1)),
    )
    (tmp_path / f"{ARTIFACT[7:]}.json").write_text(json.dumps(given))
    revoked(tmp_path, 3)
    return tmp_path


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    question = Question(at=now(), keys=key_set(), environment="prod-eu")
    server = serving("127.0.0.1", 0, Verifier(question, folder, folder / "revocations.json"), None)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(port: int) -> Ask:
    def post(body: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/", data)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return post


def review(**notes: str) -> dict[str, Any]:
    said = {"model": "credit-pd", "version": "3", "digest": ARTIFACT, **notes}
    resource = {"metadata": {"annotations": {f"countersign.dev/{k}": v for k, v in said.items()}}}
    request = {"uid": "u", "operation": "CREATE", "kind": {"kind": "Model"}, "object": resource}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def test_bytes_with_a_signed_answer_may_run(ask: Ask) -> None:
    assert ask({"artifact": ARTIFACT}) == (200, {"artifact": ARTIFACT, "allowed": True, "why": None})
    assert ask(review())[1]["response"] == {"uid": "u", "allowed": True}


def test_other_bytes_and_a_missing_annotation_may_not(ask: Ask) -> None:
    assert ask({"artifact": digest(b"other")})[1]["allowed"] is False
    told = ask(review(digest=""))[1]["response"]
    assert (told["allowed"], told["status"]["code"]) == (False, 403)


def test_after_a_newer_epoch_the_answer_is_refused_and_no_older_list_counts(ask: Ask, folder: Path) -> None:
    revoked(folder, 4)
    assert "the newest is 4" in ask({"artifact": ARTIFACT})[1]["why"]
    revoked(folder, 3)
    assert "4 was seen before" in ask({"artifact": ARTIFACT})[1]["why"]


def test_where_it_is_told_to_it_takes_only_answers_whose_decision_is_in_the_log(folder: Path) -> None:
    question = Question(at=now(), keys=key_set(), environment="prod-eu", logged=True)
    verifier = Verifier(question, folder, folder / "revocations.json")
    answer = folder / f"{ARTIFACT[7:]}.json"
    terms = {"revocationEpoch": 3, "notAfter": rfc3339(now() + timedelta(hours=1))}

    assert "does not prove" in verifier.may_run(ARTIFACT)[1]
    answer.write_text(json.dumps(in_log(**terms)))
    assert verifier.may_run(ARTIFACT) == (True, "")
    answer.write_text(json.dumps(in_log(entry=b"something else", **terms)))
    assert not verifier.may_run(ARTIFACT)[0]


def test_without_the_list_nothing_may_run(ask: Ask, folder: Path) -> None:
    os.unlink(folder / "revocations.json")
    assert ask({"artifact": ARTIFACT})[1]["allowed"] is False


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"artifact": 3}', b"[" * 5000, {"artifact": "../x"}]
)
def test_what_cannot_be_meant_is_a_no(ask: Ask, body: Any) -> None:
    status, told = ask(body)
    assert told["allowed"] is False
    assert status in (200, 400)


def test_a_body_that_is_too_large_is_refused_by_its_length(ask: Ask, port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(LARGEST + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["allowed"]) == (413, False)
    connection.close()
