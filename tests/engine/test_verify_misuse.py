"""S03: an attestation used for what it was not given for, refused offline by the program."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.cli.main import main
from apps.engine.errors import BadInput
from apps.engine.keys import KeyRecord, KeySet, Purpose
from apps.engine.statement import NotGenuine, pae, payload_of, sign, verify
from tests.engine.test_verify import AT, NOW, OTHER, SIGNER, START, admission, key_set

Envelope = dict[str, Any]


def other_type(envelope: Envelope) -> Envelope:
    return {**envelope, "payloadType": "application/json"}


def type_signed_over(envelope: Envelope) -> Envelope:
    """Signed rightly, but as something else: what is signed covers the type too."""
    payload = payload_of(envelope)
    made = base64.b64encode(SIGNER.sign(pae("text/plain", payload))).decode()
    return {**envelope, "signatures": [{"keyid": SIGNER.key_id, "sig": made}]}


def other_key(envelope: Envelope) -> Envelope:
    return sign(payload_of(envelope), OTHER)


def other_key_under_the_right_name(envelope: Envelope) -> Envelope:
    found = sign(payload_of(envelope), OTHER)
    found["signatures"][0]["keyid"] = SIGNER.key_id
    return found


def no_signature(envelope: Envelope) -> Envelope:
    return {**envelope, "signatures": []}


def payload_swapped(envelope: Envelope) -> Envelope:
    other = admission(environment="prod-us")["statement"]
    return {**envelope, "payload": other["payload"]}


def in_other_spelling(envelope: Envelope) -> Envelope:
    """The same JSON with blanks, signed by the right key: two readers could read it in two ways."""
    return sign(json.dumps(json.loads(payload_of(envelope))).encode(), SIGNER)


FORGED: list[Callable[[Envelope], Envelope]] = [
    other_type,
    type_signed_over,
    other_key,
    other_key_under_the_right_name,
    no_signature,
    payload_swapped,
    in_other_spelling,
]


def asked(folder: Path, answer: object, *words: str, keys: KeySet | None = None) -> int:
    (folder / "keys.json").write_text(json.dumps((keys or key_set()).as_json()))
    (folder / "admission.json").write_text(json.dumps(answer))
    (folder / "model.onnx").write_bytes(b"model")
    told = ["--keys", str(folder / "keys.json"), "--at", AT, "--environment", "prod-eu", "--allowed"]
    artifact = ["--artifact", str(folder / "model.onnx")]
    return main(["verify", str(folder / "admission.json"), *told, *artifact, *words])


def test_the_permission_itself_is_good(tmp_path: Path) -> None:
    assert asked(tmp_path, admission()) == 0


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__)
def test_a_forged_envelope_permits_nothing(tmp_path: Path, capsys, forge) -> None:
    assert asked(tmp_path, {"statement": forge(admission()["statement"])}) == 1
    assert "not genuine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [("--environment", "prod-us"), ("--at", "2026-03-02T12:00:00Z"), ("--artifact", __file__)],
    ids=["another environment", "after its end", "another artifact"],
)
def test_a_permission_for_something_else_permits_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert asked(tmp_path, admission(), *words) == 1


def test_the_key_of_the_log_permits_nothing(tmp_path: Path) -> None:
    log = KeySet((KeyRecord(public=SIGNER.public, purpose=Purpose.CHECKPOINT, valid_from=START),))
    assert asked(tmp_path, admission(), keys=log) == 1


def test_one_signature_twice_is_one_signature() -> None:
    envelope = admission()["statement"]
    both = KeySet((*key_set().records, *key_set(OTHER).records))
    doubled = {**envelope, "signatures": envelope["signatures"] * 2}
    renamed = [{**envelope["signatures"][0], "keyid": OTHER.key_id}, *envelope["signatures"]]
    for forged in (doubled, {**envelope, "signatures": renamed}):
        with pytest.raises(NotGenuine, match="1 trusted key signed this; 2 must have"):
            verify(forged, both, at=NOW, threshold=2)
    assert verify(sign(payload_of(envelope), SIGNER, OTHER), both, at=NOW, threshold=2)


def test_ids_of_keys_that_were_swapped_prove_nothing() -> None:
    doc = key_set().as_json()
    for key in doc["keys"]:
        key["keyid"] = OTHER.key_id
    with pytest.raises(BadInput, match="has an id that is not"):
        KeySet.from_json(doc)
