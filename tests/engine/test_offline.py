"""Answers of the deploy gate in a cluster without the service: whatever is not exactly theirs is refused."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.cli.main import main
from apps.engine.allowed import allowed_here
from apps.engine.canonical import canonical, digest, rfc3339
from apps.engine.keys import FileSigner, KeySet
from apps.engine.merkle import leaf_hash, node_hash
from apps.engine.note import Checkpoint, LogProof, sign_checkpoint
from apps.engine.offline import REVOCATIONS, newest_epoch
from apps.engine.statement import NotGenuine, Subject, make_statement, sign
from apps.engine.verified import Question
from tests.engine.test_verify import AT, NOW, OTHER, SIGNER, admission, key_set

MODEL = b"model"


def question(**changes: Any) -> Question:
    asked = {"at": NOW, "keys": key_set(), "artifact": digest(MODEL), "environment": "prod-eu"}
    return Question(**{**asked, **changes})


def why(envelope: dict[str, Any], **changes: Any) -> str:
    allowed, sentence = allowed_here([json.dumps(envelope).encode()], question(**changes))
    assert allowed is not bool(sentence)
    return sentence


def revocations(epoch: object = 8, *, signer=SIGNER, at=NOW - timedelta(hours=1)) -> bytes:
    said = {"epoch": epoch, "signedAt": rfc3339(at)}
    about = [Subject("countersign:revocations", digest(b"8"))]
    return canonical(sign(canonical(make_statement(REVOCATIONS, about, said)), signer))


def altered(**changes: Any) -> dict[str, Any]:
    """The envelope of an admission with other values in it."""
    return {**admission()["statement"], **changes}


def keyid_swapped() -> dict[str, Any]:
    """Signed by a stranger, named as if the service had signed."""
    payload = base64.b64decode(admission()["statement"]["payload"])
    envelope = sign(payload, OTHER)
    envelope["signatures"][0]["keyid"] = SIGNER.key_id
    return envelope


def test_the_answer_for_this_artifact_and_environment_lets_it_run() -> None:
    assert why(admission()) == ""


@pytest.mark.parametrize(
    ("envelope", "changes", "sentence"),
    [
        (altered(payloadType="application/json"), {}, "payload type is 'application/json'"),
        (admission(), {"environment": "prod-us"}, 'not "prod-us"'),
        (admission(), {"artifact": digest(b"other")}, "The artifact at hand is"),
        (admission(), {"at": NOW + timedelta(hours=24)}, "The admission ended at"),
        (admission(), {"keys": key_set(OTHER)}, "No trusted key made any"),
        (admission(), {"keys": KeySet(())}, "No trusted key"),
        (keyid_swapped(), {}, "No trusted key made any"),
        (altered(signatures=admission()["statement"]["signatures"] * 2), {"threshold": 2}, "1 trusted key"),
        (admission(policy={"uri": "countersign://policies/none"}), {}, "does not name its policy"),
        (admission(), {"epoch": 8}, '"revocationEpoch" is None'),
        (admission(revocationEpoch=7), {"epoch": 8}, "in the revocation epoch 7; the newest is 8"),
        (admission(revocationEpoch=True), {"epoch": 0}, "expected a whole number"),
        (admission(verificationResult="FAILED", outcome="deny", notAfter=None), {}, "is a denial"),
        (admission(), {"artifact": None}, "must all be given"),
        (json.loads(revocations()), {"artifact": digest(b"8")}, "permits nothing"),
    ],
)  # fmt: skip
def test_whatever_is_not_exactly_its_own_is_refused(envelope, changes, sentence) -> None:
    assert sentence in why(envelope, **changes)


# The decision stands in the log ---------------------------------------------------------------------------

DECISION, BESIDE = digest(b"decision"), b"another event"
INPUTS = [{"uri": f"countersign://statements/{DECISION}", "digest": {"sha256": DECISION[7:]}}]


def in_log(
    *, sealed: Any = DECISION, signer: FileSigner = SIGNER, index: int = 0, entry: bytes = b"", **said: Any
) -> dict[str, Any]:
    """An admission whose decision is the first of two events of a log."""
    event = canonical({"action": "run.decided", "after": {"statement": sealed}})
    root = node_hash(leaf_hash(entry or event), leaf_hash(BESIDE))
    note = sign_checkpoint(Checkpoint("bank.example/audit", 2, root), signer)
    proof = LogProof(index, (leaf_hash(BESIDE),), note, extra=event).to_bytes().decode()
    told = {"statement": said.pop("statement", DECISION), "proof": said.pop("proof", proof)}
    return admission(log=told, inputAttestations=INPUTS, **said)


def test_a_decision_that_is_proved_to_stand_in_the_log_may_be_required() -> None:
    assert why(in_log(), logged=True) == ""
    assert why(admission(), logged=False) == ""
    assert "does not prove" in why(admission(), logged=True)


@pytest.mark.parametrize(
    ("envelope", "changes", "sentence"),
    [
        (in_log(signer=OTHER), {}, "No trusted key signed this"),
        (in_log(entry=b"something else"), {}, "root"),
        (in_log(index=1), {}, "root"),
        (in_log(index=2), {}, "no leaf 2"),
        (in_log(sealed=digest(b"other")), {}, "sealed another statement"),
        (in_log(sealed=None), {}, "sealed another statement"),
        (in_log(statement=digest(b"other")), {}, "not about a statement that it rests on"),
        (in_log(statement=["x"]), {}, "not about a statement that it rests on"),
        (in_log(proof="c2sp.org/tlog-proof@v1"), {}, "A proof begins with"),
        (in_log(proof=None), {}, "not about a statement"),
        (admission(log="there"), {}, "does not prove"),
        (admission(log=None), {"logged": True}, "does not prove"),
    ],
)
def test_a_proof_that_is_told_must_hold_whether_it_is_required_or_not(envelope, changes, sentence) -> None:
    assert sentence in why(envelope, **changes)


def test_two_different_keys_meet_a_threshold_of_two() -> None:
    both = KeySet((*key_set().records, *key_set(OTHER).records))
    payload = base64.b64decode(admission()["statement"]["payload"])
    assert why(sign(payload, SIGNER, OTHER), keys=both, threshold=2) == ""


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (revocations(signer=OTHER), "No trusted key"),
        (revocations(at=NOW - timedelta(hours=25)), "more than 24 hours old"),
        (revocations(at=NOW + timedelta(minutes=1)), "after 2026-03-01"),
        (revocations(epoch="8"), "expected a whole number"),
        (json.dumps(admission()["statement"]).encode(), "is no list of revocations"),
    ],
)
def test_only_a_fresh_list_of_the_service_tells_the_epoch(data, sentence) -> None:
    with pytest.raises(NotGenuine, match=sentence):
        newest_epoch(data, key_set(), at=NOW)


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A folder as it is mounted: the artifact, its answer, the keys, the list of revocations."""
    (tmp_path / "model.onnx").write_bytes(MODEL)
    (tmp_path / "model.onnx.admission.json").write_text(json.dumps(admission(revocationEpoch=8)))
    (tmp_path / "keys.json").write_text(json.dumps(key_set().as_json()))
    (tmp_path / "revocations.json").write_bytes(revocations(8))
    return tmp_path


def run(cluster: Path, *words: str) -> int:
    artifact = ["--artifact", str(cluster / "model.onnx"), "--environment", "prod-eu", "--at", AT]
    told = ["--keys", str(cluster / "keys.json"), "--revocations", str(cluster / "revocations.json")]
    return main(["verify", *artifact, *told, *words])


def test_the_program_lets_an_artifact_run_by_the_answer_beside_it(cluster, capsys) -> None:
    assert run(cluster) == 0
    assert "model.onnx in prod-eu: allowed" in capsys.readouterr().out


def test_a_changed_byte_is_denied(cluster, capsys) -> None:
    (cluster / "model.onnx").write_bytes(b"Model")
    assert run(cluster, "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["allowed"], told["why"][:24]) == (False, "The artifact at hand is ")


def test_after_a_revocation_the_older_answer_is_refused(cluster, capsys) -> None:
    (cluster / "revocations.json").write_bytes(revocations(9))
    assert run(cluster) == 1
    assert "the newest is 9" in capsys.readouterr().out


def test_the_program_asks_for_the_log_where_it_is_told_to(cluster, capsys) -> None:
    assert run(cluster, "--in-log") == 1
    assert "does not prove" in capsys.readouterr().out
    (cluster / "model.onnx.admission.json").write_text(json.dumps(in_log(revocationEpoch=8)))
    assert run(cluster, "--in-log") == 0


def test_an_older_list_than_was_seen_is_refused(cluster, capsys) -> None:
    assert run(cluster, "--epoch", "9") == 4
    assert "9 was seen before" in capsys.readouterr().err


def test_answers_in_a_folder_are_found_by_digest(cluster, capsys) -> None:
    (cluster / "answers").mkdir()
    (cluster / "model.onnx.admission.json").rename(cluster / "answers" / f"{digest(MODEL)[7:]}.json")
    assert run(cluster) == 1
    assert run(cluster, "--answers", str(cluster / "answers")) == 0


@pytest.mark.parametrize("words", [[], ["--artifact", "a"], ["--environment", "e", "--threshold", "0"]])
def test_an_incomplete_question_allows_nothing(words, capsys) -> None:
    assert main(["verify", *words]) == 4
    assert capsys.readouterr().err
