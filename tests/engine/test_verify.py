from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.cli.main import main
from apps.engine.canonical import canonical, digest, rfc3339
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.merkle import leaf_hash
from apps.engine.note import Checkpoint, LogProof, sign_checkpoint
from apps.engine.statement import Subject, make_statement, payload_of, sign

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = "2026-03-01T12:00:00Z"
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"1" * 32))
OTHER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"2" * 32))
START = datetime(2026, 1, 1, tzinfo=UTC)


def key_set(signer: FileSigner = SIGNER) -> KeySet:
    return KeySet(tuple(KeyRecord(public=signer.public, purpose=p, valid_from=START) for p in Purpose))


def admission(**changes: object) -> dict[str, object]:
    terms = {
        "environment": "prod-eu",
        "notAfter": rfc3339(NOW + timedelta(hours=24)),
        "outcome": "allow",
        "reasons": [],
        "limits": {"max_amount": 50000},
    }
    predicate = {
        "verifier": {"id": "countersign"},
        "timeVerified": rfc3339(NOW - timedelta(hours=1)),
        "verificationResult": "PASSED",
        "inputAttestations": [],
        "policy": {"uri": "countersign://policies/tier1@12", "digest": {"sha256": "0" * 64}},
        "countersign": terms,
    }
    for name, value in changes.items():
        (predicate if name in predicate else terms)[name] = value
    statement = make_statement(
        "https://slsa.dev/verification_summary/v1",
        [Subject("model:credit-pd@3", digest(b"model"))],
        predicate,
    )
    return {"statement": sign(canonical(statement), SIGNER)}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(json.dumps(key_set().as_json()))
    (tmp_path / "model.onnx").write_bytes(b"model")
    (tmp_path / "admission.json").write_text(json.dumps(admission()))
    return tmp_path


def ask(files: Path, name: str, *words: str, keys: bool = True, at: str = AT) -> int:
    pinned = ["--keys", str(files / "keys.json")] if keys else []
    return main(["verify", str(files / name), *pinned, "--at", at, *words])


def test_a_genuine_admission_says_what_it_allows(files, capsys):
    words = ["--artifact", str(files / "model.onnx"), "--environment", "prod-eu", "--allowed"]
    assert ask(files, "admission.json", *words) == 0
    shown = capsys.readouterr().out
    assert "admission.json: genuine admission" in shown
    assert "answer       allowed" in shown
    assert "limit        max_amount = 50000" in shown
    assert digest(b"model") in shown


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--environment", "prod-us"], 'for the environment "prod-eu", not "prod-us"'),
        (["--artifact", "{files}/keys.json"], "The artifact at hand is sha256:"),
        (["--at", "2026-03-02T12:00:00Z"], "The admission ended at 2026-03-02"),
        (["--at", "2026-03-01T10:00:00Z"], "was signed at 2026-03-01T11"),
    ],
)
def test_an_admission_for_something_else_is_refused(files, capsys, words, sentence):
    assert ask(files, "admission.json", *[w.format(files=files) for w in words]) == 1
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"notAfter": None}, "expected a time like"),
        ({"notAfter": "soon"}, "expected a time like"),
        ({"countersign": None}, 'no "countersign" block'),
    ],
)
def test_an_admission_that_does_not_say_its_terms_is_refused(files, capsys, changes, sentence):
    (files / "a.json").write_text(json.dumps(admission(**changes)))
    assert ask(files, "a.json") == 1
    assert sentence in capsys.readouterr().out


def test_a_denial_is_genuine_and_never_passes_for_a_permission(files, capsys):
    reasons = ["An open critical finding, F-7, is not remediated."]
    denial = admission(verificationResult="FAILED", outcome="deny", reasons=reasons, notAfter=None)
    (files / "no.json").write_text(json.dumps(denial))
    assert ask(files, "no.json") == 0
    shown = capsys.readouterr().out
    assert "answer       DENIED" in shown
    assert f"reason       {reasons[0]}" in shown
    assert ask(files, "no.json", "--allowed") == 1


@pytest.mark.parametrize(
    ("outer", "sentence"),
    [
        ({"allowed": False}, '"allowed" is False; what was signed says True'),
        ({"outcome": "deny"}, '"outcome" is deny'),
        ({"expires_at": "2030-01-01T00:00:00Z"}, '"expires_at" is 2030'),
        ({"reasons": ["none"]}, '"reasons" is'),
        ({"limits": {}}, '"limits" is {}; what was signed says'),
        ({"limits": {"max_amount": 50000000}}, '"limits" is'),
        ({"break_glass": True}, '"break_glass" is True; what was signed says None'),
        ({"statement_digest": f"sha256:{'0' * 64}"}, '"statement_digest" is'),
        ({"request": {"environment": "prod-us"}}, '"request.environment" is prod-us'),
    ],
)
def test_an_answer_around_the_statement_may_not_say_more(files, capsys, outer, sentence):
    (files / "a.json").write_text(json.dumps(admission() | outer))
    assert ask(files, "a.json") == 1
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"outcome": "deny"}, "it is PASSED, and its outcome deny"),
        ({"outcome": None}, "it is PASSED, and its outcome None"),
        ({"verificationResult": "FAILED"}, "it is not PASSED, and its outcome allow"),
        ({"limits": ["max_amount"]}, "The limits of the admission cannot be read"),
        ({"limits": None, "outcome": "allow_with_limits"}, "The limits of the admission cannot be read"),
        ({"reasons": True}, "The reasons of the admission cannot be read: True"),
    ],
)
def test_an_admission_that_contradicts_itself_permits_nothing(files, capsys, changes, sentence):
    (files / "a.json").write_text(json.dumps(admission(**changes)))
    assert ask(files, "a.json") == 1
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize("named", [None, "x", ["x"], {"sha256": None}, {"sha256": "0"}])
def test_a_subject_without_a_digest_is_refused(files, capsys, named):
    statement = json.loads(payload_of(admission()["statement"]))
    statement["subject"][0]["digest"] = named
    (files / "a.json").write_text(json.dumps({"statement": sign(canonical(statement), SIGNER)}))
    assert ask(files, "a.json") == 1
    assert "a subject without a SHA-256 digest" in capsys.readouterr().out


@pytest.mark.slow
def test_every_changed_byte_of_the_signed_part_is_noticed(files):
    envelope = admission()["statement"]
    text = canonical(envelope)
    begin = text.index(envelope["payload"].encode())
    for place in range(begin, begin + len(envelope["payload"]), 7):
        changed = bytearray(text)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        (files / "a.json").write_bytes(bytes(changed))
        assert ask(files, "a.json") == 1


def test_other_keys_do_not_open_it(files, capsys):
    (files / "keys.json").write_text(json.dumps(key_set(OTHER).as_json()))
    assert ask(files, "admission.json") == 1
    assert "No trusted key made any of its signatures" in capsys.readouterr().out


def test_without_keys_nothing_is_genuine(files, capsys):
    assert ask(files, "admission.json", keys=False) == 1
    assert "give the service's keys with --keys" in capsys.readouterr().out


def test_keys_inside_the_file_must_be_trusted_aloud(files, capsys):
    (files / "own.json").write_text(json.dumps(admission() | {"keys": key_set().as_json()}))
    assert ask(files, "own.json", keys=False) == 1
    shown = capsys.readouterr().out
    assert "NOT PINNED" in shown
    assert "which proves nothing" in shown
    assert ask(files, "own.json", "--trust-embedded", keys=False) == 0
    assert "NOT PINNED" in capsys.readouterr().out


def test_a_statement_that_is_no_admission_permits_nothing(files, capsys):
    fact = make_statement(
        "https://x/decision/v1", [Subject("m", digest(b"m"))], {"signedAt": rfc3339(NOW), "outcome": "pass"}
    )
    (files / "fact.json").write_text(json.dumps(sign(canonical(fact), SIGNER)))
    assert ask(files, "fact.json") == 0
    assert "outcome      pass" in capsys.readouterr().out
    assert ask(files, "fact.json", "--environment", "prod-eu") == 1
    assert ask(files, "fact.json", "--allowed") == 1


def test_a_checkpoint_and_a_proof_are_verified(files, capsys):
    event = canonical({"action": "model.registered", "ts": AT, "object": {"type": "model", "id": "m"}})
    note = sign_checkpoint(Checkpoint("log.example/1", 1, leaf_hash(event)), SIGNER)
    (files / "checkpoint").write_bytes(note)
    (files / "p.tlog-proof").write_bytes(LogProof(0, (), note, extra=event).to_bytes())
    assert ask(files, "checkpoint") == 0
    assert ask(files, "p.tlog-proof") == 0
    assert "event        model.registered at 2026" in capsys.readouterr().out
    (files / "checkpoint").write_bytes(note.replace(b"\n1\n", b"\n2\n"))
    (files / "p.tlog-proof").write_bytes(LogProof(0, (), note, extra=event + b" ").to_bytes())
    assert ask(files, "checkpoint") == 1
    assert ask(files, "p.tlog-proof") == 1


def test_an_event_as_the_service_tells_it_is_verified(files, capsys):
    event = canonical({"action": "run.decided", "object": {"id": "7"}, "ts": AT})
    note = sign_checkpoint(Checkpoint("log.example/1", 1, leaf_hash(event)), SIGNER)
    told = {"body": event.decode(), "proof": {"text": LogProof(0, (), note, extra=event).to_bytes().decode()}}
    (files / "proof.json").write_text(json.dumps(told))
    assert ask(files, "proof.json") == 0
    assert "run.decided" in capsys.readouterr().out
    (files / "proof.json").write_text(json.dumps(told | {"body": event.decode() + " "}))
    assert ask(files, "proof.json") == 1
    (files / "proof.json").write_text(json.dumps({"proof": {}}))
    assert ask(files, "proof.json") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "neither a statement"),
        (b"PK\x03\x04", "zip archive"),
        (b'{"a": 1}', "holds no signed statement"),
        (b'{"payloadType": 1, "payloadType": 2}', "stands twice"),
        (b"{" * 3000, "is not JSON"),
    ],
)
def test_what_is_no_file_of_ours_is_not_genuine(files, capsys, content, sentence):
    (files / "x").write_bytes(content)
    assert ask(files, "x") == 1
    assert sentence in capsys.readouterr().out


def test_a_missing_file_is_named_and_the_worst_answer_counts(files, capsys):
    assert (
        main(
            [
                "verify",
                str(files / "admission.json"),
                str(files / "none"),
                "--keys",
                str(files / "keys.json"),
                "--at",
                AT,
            ]
        )
        == 4
    )
    shown = capsys.readouterr().out
    assert "genuine admission" in shown
    assert "none does not exist." in shown


def test_unusable_options_are_one_sentence(files, capsys):
    assert ask(files, "admission.json", at="yesterday") == 4
    assert "countersign: --at is 'yesterday'" in capsys.readouterr().err
    (files / "keys.json").write_text('{"kind": "KeySet"}')
    assert ask(files, "admission.json") == 4
    assert 'must be an object with "kind": "KeySet"' in capsys.readouterr().err


def test_the_answer_as_json(files, capsys):
    assert ask(files, "admission.json", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)["files"][0]
    assert (found["genuine"], found["pinned"], found["what"]) == (True, True, "admission")
