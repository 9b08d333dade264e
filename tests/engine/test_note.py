from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.errors import BadInput, Problem
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.merkle import BadProof, leaf_hash, node_hash
from apps.engine.note import (
    BadNote,
    Checkpoint,
    LogProof,
    Note,
    open_checkpoint,
    sign_checkpoint,
    sign_note,
    verifier_key,
)

ORIGIN = "countersign.example/audit"
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = FileSigner(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
KEY = KeyRecord(public=SIGNER.public, purpose=Purpose.CHECKPOINT, valid_from=SINCE)
KEYS = KeySet((KEY,))
ENTRIES = [b"one", b"two", b"three"]
LEAVES = [leaf_hash(e) for e in ENTRIES]
ROOT = node_hash(node_hash(LEAVES[0], LEAVES[1]), LEAVES[2])
CHECKPOINT = Checkpoint(ORIGIN, 3, ROOT)
SIGNED = sign_checkpoint(CHECKPOINT, SIGNER)
PROOF = LogProof(1, (LEAVES[0], LEAVES[2]), SIGNED, extra=b"two")

# A note and the key of its author from golang.org/x/mod/sumdb/note, the first implementation of the format.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"
    "qfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_the_first_implementation_opens():
    name, key_id, encoded = PETER.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    assert verifier_key(name, public) == f"{name}+{key_id}+{encoded}"
    note = Note.parse(PETERS_NOTE.encode())
    key = KeyRecord(public=public, purpose=Purpose.CHECKPOINT, valid_from=SINCE)
    assert note.signed_by([key], name=name) == [key]
    assert note.to_bytes() == PETERS_NOTE.encode()


def test_the_text_of_a_checkpoint():
    assert CHECKPOINT.text() == f"{ORIGIN}\n3\n{base64.b64encode(ROOT).decode()}\n"
    assert open_checkpoint(SIGNED, KEYS, origin=ORIGIN) == CHECKPOINT
    assert SIGNED.decode().split("\n")[4].startswith(f"— {ORIGIN} ")


def test_other_signatures_beside_the_logs_own_are_ignored():
    note = Note.parse(SIGNED)
    witness = sign_note(note.text, name="witness.example/w", signer=OTHER).signatures
    assert open_checkpoint(replace(note, signatures=witness + note.signatures).to_bytes(), KEYS) == CHECKPOINT


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused(place, flip):
    changed = SIGNED[:place] + bytes([SIGNED[place] ^ flip]) + SIGNED[place + 1 :]
    with pytest.raises(Problem):
        open_checkpoint(changed, KEYS, origin=ORIGIN)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (KeySet(), "No trusted key"),
        (KeySet((replace(KEY, public=OTHER.public),)), "No trusted key"),
        (KeySet((replace(KEY, purpose=Purpose.STATEMENT),)), "No trusted key"),
        (KeySet((replace(KEY, revoked_at=SINCE),)), "revoked"),
    ],
)
def test_a_key_that_is_not_trusted_for_it_does_not_count(keys, sentence):
    with pytest.raises(BadNote, match=sentence):
        open_checkpoint(SIGNED, keys)


def test_a_signature_under_another_name_does_not_count():
    note = sign_note(CHECKPOINT.text(), name="other.example/log", signer=SIGNER)
    with pytest.raises(BadNote, match="No trusted key"):
        open_checkpoint(note.to_bytes(), KEYS)
    with pytest.raises(BadNote, match="not of"):
        open_checkpoint(SIGNED, KEYS, origin="other.example/log")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\n1\n", "three lines"),
        ("a\n01\nAAAA\n", "expected a decimal"),
        ("a\n-1\nAAAA\n", "expected a decimal"),
        ("a\n1\nAAAA\n", "has 3 bytes"),
        ("a\n1\n!!!!\n", "not base64"),
        ("a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n", "one form"),
        ("a\n1\nAAAA\n\n", "none of them empty"),
        ("a\n1\nAAAA", "three lines"),
    ],
)
def test_a_malformed_checkpoint_is_refused(text, sentence):
    with pytest.raises(BadNote, match=sentence):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"text\n", "no empty line"),
        (b"text\n\n", "cut off"),
        (SIGNED[:-1], "cut off"),
        (b"text\n\n- a AAAAAAAA\n", "not a signature line"),
        ("text\n\n— a+b AAAAAAAA\n".encode(), "not a signature line"),
        ("text\n\n— a AAAA\n".encode(), "no signature"),
        (b"te\txt\n\nx\n", "control character"),
        (b"\xff\n\nx\n", "not UTF-8"),
        (b"x" * (1 << 20) + b"\n\nx\n", "at most"),
    ],
)
def test_a_malformed_note_is_refused(data, sentence):
    with pytest.raises(BadNote, match=sentence):
        Note.parse(data)


def test_a_note_needs_a_proper_name_and_end():
    for name in ("", "a b", "a+b"):
        with pytest.raises(BadInput, match="name of a key"):
            sign_note("x\n", name=name, signer=SIGNER)
    with pytest.raises(BadInput, match="end in a newline"):
        sign_note("x", name="a", signer=SIGNER)


def test_a_proof_survives_being_written():
    assert LogProof.parse(PROOF.to_bytes()) == PROOF
    assert PROOF.to_bytes().startswith(b"c2sp.org/tlog-proof@v1\nextra dHdv\nindex 1\n")
    assert PROOF.verify(b"two", KEYS, origin=ORIGIN) == CHECKPOINT


@pytest.mark.parametrize("change", [{"index": 2}, {"hashes": ()}, {"hashes": (LEAVES[2], LEAVES[0])}])
def test_a_proof_of_something_else_is_refused(change):
    with pytest.raises(BadProof):
        replace(PROOF, **change).verify(b"two", KEYS)
    with pytest.raises(BadProof):
        PROOF.verify(b"2", KEYS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SIGNED,
        b"c2sp.org/tlog-proof@v1\n\n" + SIGNED,
        b"c2sp.org/tlog-proof@v1\nindex 01\n\n" + SIGNED,
        b"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n" + SIGNED,
        b"c2sp.org/tlog-proof@v1\nextra ?\nindex 1\n\n" + SIGNED,
    ],
)
def test_a_malformed_proof_is_refused(data):
    with pytest.raises(BadNote):
        LogProof.parse(data)
