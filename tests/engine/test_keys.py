from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from apps.engine.errors import BadInput
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose, key_id_of, signature_holds

SEED = bytes(range(32))
SIGNER = FileSigner(Ed25519PrivateKey.from_private_bytes(SEED))
RECORD = KeyRecord(
    public=SIGNER.public,
    purpose=Purpose.STATEMENT,
    valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    valid_to=datetime(2027, 1, 1, tzinfo=UTC),
)
KEYS = KeySet((RECORD,), ("-----BEGIN CERTIFICATE-----\n",))


def test_a_key_that_was_made_opens_again(tmp_path):
    made = FileSigner.create(tmp_path / "keys" / "statement.pem")
    assert (tmp_path / "keys" / "statement.pem").stat().st_mode & 0o777 == 0o600
    opened = FileSigner.open(tmp_path / "keys" / "statement.pem")
    assert opened.key_id == made.key_id == key_id_of(opened.public)
    assert signature_holds(made.public, opened.sign(b"it"), b"it")
    assert [p.name for p in (tmp_path / "keys").iterdir()] == ["statement.pem"]


def test_a_key_is_never_written_over(tmp_path):
    first = FileSigner.create(tmp_path / "k.pem")
    with pytest.raises(FileExistsError):
        FileSigner.create(tmp_path / "k.pem")
    assert FileSigner.open(tmp_path / "k.pem").key_id == first.key_id


def test_a_raw_seed_opens(tmp_path):
    path = tmp_path / "seed"
    path.write_bytes(SEED)
    path.chmod(0o600)
    assert FileSigner.open(path).key_id == SIGNER.key_id


def _pem_of_another_kind() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (SEED, 0o640, "must be 0600"),
        (b"nonsense", 0o600, "neither a PEM file"),
        (_pem_of_another_kind(), 0o600, "not an Ed25519 key"),
    ],
)
def test_a_key_that_cannot_serve_is_refused(tmp_path, content, mode, sentence):
    path = tmp_path / "key"
    path.write_bytes(content)
    os.chmod(path, mode)
    with pytest.raises(BadInput, match=sentence):
        FileSigner.open(path)


def test_a_signer_shows_nothing_of_its_key():
    assert repr(SIGNER) == f"FileSigner({SIGNER.key_id[:14]}…)"


def test_a_key_set_survives_being_written():
    assert KeySet.from_json(json.loads(json.dumps(KEYS.as_json()))) == KEYS


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"keyid": "sha256:0"}, "not the SHA-256 of its public bytes"),
        ({"public": "AAAA"}, "not the SHA-256"),
        ({"public": "?"}, "key number 1 cannot be read"),
        ({"purpose": "party"}, "cannot be read"),
        ({"valid_from": "2026-01-01T00:00:00"}, "no time zone"),
        ({"valid_from": None}, "cannot be read"),
    ],
)
def test_a_faulty_key_is_named(change, sentence):
    doc = KEYS.as_json()
    doc["keys"][0] |= change
    with pytest.raises(BadInput, match=sentence):
        KeySet.from_json(doc)


@pytest.mark.parametrize(
    "doc", [[], {}, {"kind": "KeySet"}, {"kind": "KeySet", "keys": [], "certificates": [1]}]
)
def test_what_is_no_key_set_is_refused(doc):
    with pytest.raises(BadInput):
        KeySet.from_json(doc)


def test_a_pem_key_is_trusted_for_both_purposes():
    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = KeySet.from_pem(b"a comment\n" + pem)
    assert [k.key_id for p in Purpose for k in keys.of(p)] == [SIGNER.key_id] * 2


@pytest.mark.parametrize("data", [b"", b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n"])
def test_a_file_without_keys_is_refused(data):
    with pytest.raises(BadInput):
        KeySet.from_pem(data)


def test_a_key_counts_once_however_often_it_is_listed():
    twice = KeySet((RECORD, replace(RECORD, valid_to=None)))
    assert len(twice.of(Purpose.STATEMENT)) == 1
