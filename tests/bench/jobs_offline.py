"""Jobs: an answer of the deploy gate verified without the service, and the bare signature in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.bench.measuring import median
from tests.bench.registry import job, peer


def _given() -> tuple[bytes, Any]:
    import json
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from apps.engine.canonical import canonical, digest
    from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
    from apps.engine.statement import Subject, make_statement, sign
    from apps.engine.verified import Question

    signer = FileSigner(Ed25519PrivateKey.from_private_bytes(b"1" * 32))
    start, now = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    policy = {"uri": "countersign://policies/credit-tier1@3.1.0", "digest": {"sha256": "0" * 64}}
    terms = {"environment": "production", "notAfter": "2026-03-02T00:00:00Z", "outcome": "allow"}
    predicate = {
        "timeVerified": "2026-02-28T12:00:00Z",
        "verificationResult": "PASSED",
        "policy": policy,
        "countersign": {**terms, "policies": [policy], "revocationEpoch": 7, "reasons": [], "limits": {}},
    }
    about = [Subject("model:credit-pd@3", digest(b"model"))]
    statement = make_statement("https://slsa.dev/verification_summary/v1", about, predicate)
    record = KeyRecord(public=signer.public, purpose=Purpose.STATEMENT, valid_from=start)
    answer = json.dumps({"statement": sign(canonical(statement), signer)}).encode()
    asked = Question(
        at=now, keys=KeySet((record,)), artifact=digest(b"model"), environment="production", epoch=7
    )
    return answer, asked


@job
def offline_ours(rounds: str) -> dict[str, Any]:
    """Envelope, signature, canonical form, window of the key, digest, environment, end, policies, epoch."""
    from apps.engine.allowed import allowed_here

    answer, asked = _given()
    allowed, _ = allowed_here([answer], asked)
    return {"seconds": _middle(lambda: allowed_here([answer], asked), int(rounds)), "allowed": allowed}


@peer("cryptography")
def offline_signature(rounds: str) -> dict[str, Any]:
    """The Ed25519 signature alone."""
    import base64
    import json

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from apps.engine.statement import PAYLOAD_TYPE, pae

    answer, asked = _given()
    envelope = json.loads(answer)["statement"]
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    message = pae(PAYLOAD_TYPE, base64.b64decode(envelope["payload"]))
    key = Ed25519PublicKey.from_public_bytes(asked.keys.records[0].public)
    return {"seconds": _middle(lambda: key.verify(signature, message), int(rounds))}


def _middle(way: Callable[[], object], rounds: int) -> float:
    """The median of one call, timed in batches of fifty."""
    import time

    def batch() -> float:
        began = time.perf_counter()
        for _ in range(50):
            way()
        return (time.perf_counter() - began) / 50

    return median([batch() for _ in range(max(1, rounds // 50))])
