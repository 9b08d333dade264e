"""S04: a model signature counts for exactly the files it lists; whatever else lies there is refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from apps.engine import model_signing
from apps.engine.errors import BadInput
from apps.engine.model_signing import SignedModel, root_digest, verify
from apps.engine.statement import NotGenuine

Json = Any
Change = Callable[[Json], object]
# Made by the program model-signing 1.1.1, with a key and with a certificate that ends.
PUBLISHED = Path(__file__).parent / "published" / "model_signing"
ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
HELLO = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# "weights/part-1.bin" comes before "weights-2": names are put in order folder by folder.
FILES = {"config.json": ABC, "weights/part-1.bin": HELLO, "weights-2": EMPTY}
# printf abc | sha256sum, and so on; the three digests as bytes, one after the other, through sha256sum.
ROOT = "fcf270023fd00c16f7b35635c87d318bd73a9dfe69c9ecda224c627995340a3c"
KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER = ec.derive_private_key(8, ec.SECP256R1())
AT = datetime(2026, 12, 1, tzinfo=UTC)


def pem(key: Any) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(serialization.Encoding.PEM, kind))


def statement(files: dict[str, str] = FILES) -> Json:
    resources = [{"name": n, "algorithm": "sha256", "digest": d[7:]} for n, d in files.items()]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "credit", "digest": {"sha256": root_digest(files)}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": ["evil.py"]},
            "resources": resources,
        },
    }


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bundle(said: Json | bytes, key: ec.EllipticCurvePrivateKey = KEY) -> Json:
    payload = said if isinstance(said, bytes) else json.dumps(said, indent=2).encode()
    message = b"DSSEv1 28 application/vnd.in-toto+json %d %b" % (len(payload), payload)
    algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.curve.key_size]
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": hashlib.sha256(pem(key)).hexdigest()}},
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": b64(key.sign(message, ec.ECDSA(algorithm))), "keyid": ""}],
        },
    }


def check(made: Json, files: dict[str, str] = FILES, key: bytes = pem(KEY), **asked: Any) -> SignedModel:
    return verify(json.dumps(made).encode(), files, key, **asked)


GOOD = bundle(statement())


def copy(value: Json, change: Change) -> Json:
    made = json.loads(json.dumps(value))
    change(made)
    return made


@pytest.mark.parametrize(
    "curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name)
)
def test_what_was_signed_is_told(curve: ec.EllipticCurve) -> None:
    key = ec.derive_private_key(7, curve)
    found = check(bundle(statement(), key), key=pem(key))
    assert (found.name, found.digest, found.files) == ("credit", f"sha256:{ROOT}", FILES)
    assert found.key_id == hashlib.sha256(pem(key)).hexdigest()


@pytest.mark.parametrize("form", ["key", "certificate"])
@pytest.mark.parametrize("pin", ["key", "certificate"])
def test_signatures_of_the_reference_program_hold(form: str, pin: str) -> None:
    made, key = (PUBLISHED / f"by-{form}.sig").read_bytes(), (PUBLISHED / f"{pin}.pem").read_bytes()
    assert verify(made, FILES, key, at=AT).digest == f"sha256:{ROOT}"
    with pytest.raises(NotGenuine, match=r"The file \"evil\.py\" is there, but it was not signed\."):
        verify(made, {**FILES, "evil.py": ABC}, key, at=AT)
    with pytest.raises(NotGenuine, match="signed with another key"):
        verify(made, FILES, pem(OTHER))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({**FILES, "evil.py": ABC}, '"evil.py" is there, but it was not signed'),
        ({**FILES, ".git/config": ABC}, '".git/config" is there, but it was not signed'),
        ({**FILES, "config.json": HELLO}, '"config.json" is not the file that was signed'),
        ({"config.json": ABC, "weights-2": EMPTY}, '"weights/part-1.bin" was signed, but it is not there'),
        ({}, '"config.json" was signed, but it is not there'),
        ({".": ABC}, "The model as a single file is there, but it was not signed"),
    ],
)
def test_other_files_than_the_signed_ones_are_refused(files: dict[str, str], why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        check(GOOD, files)


def test_a_single_file_is_signed_without_its_name() -> None:
    made = bundle(statement({".": ABC}))
    assert check(made, {".": ABC}).files == {".": ABC}
    with pytest.raises(NotGenuine, match="single file is not the file that was signed"):
        check(made, {".": HELLO})


def listed(*names: str) -> Change:
    files = [{"name": name, "algorithm": "sha256", "digest": ABC[7:]} for name in names]
    return lambda s: s["predicate"].update(resources=files)


BAD_STATEMENTS: list[tuple[Change, str]] = [
    (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), '"_type" of the signed statement'),
    (lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"), '"predicateType" of the signed'),
    (lambda s: s.update(predicate=[]), '"predicate" .* expected an object'),
    (lambda s: s.update(subject=[]), "0 subjects"),
    (lambda s: s.update(subject=s["subject"] * 2), "2 subjects"),
    (lambda s: s["subject"][0].pop("name"), "no name"),
    (lambda s: s["subject"][0].update(digest={"sha256": "0" * 64}), "is not that of its listed files"),
    (lambda s: s["subject"][0]["digest"].update(md5="0"), "is not that of its listed files"),
    (lambda s: s["predicate"].pop("serialization"), '"serialization" .* is missing'),
    (lambda s: s["predicate"]["serialization"].update(method="shards"), 'signed by "shards"'),
    (lambda s: s["predicate"]["serialization"].update(hash_type="blake3"), 'is "blake3"; only "sha256"'),
    (lambda s: s["predicate"]["resources"][1].update(algorithm="md5"), r'resources\[1\]\.algorithm" .*"md5"'),
    (lambda s: s["predicate"]["resources"][1].update(digest="B9" * 32), "64 hex digits"),
    (lambda s: s["predicate"]["resources"].reverse(), "order of their names"),
    (listed(), "lists 0 files"),
    (listed("a", "a"), '"a" twice'),
    (listed("weights-2", "weights/1"), "order of their names"),
    *(
        (listed(name), "stay inside")
        for name in ("../a", "/etc/passwd", "a/../b", "a//b", "./a", "a/", "a/./b", "..")
    ),
    *((listed(name), "not allowed") for name in ("a\\b", "a\0b", "a\nb", "a\u202eb")),
    (listed(""), "no file name"),
    (listed("x" * 4097), "no file name"),
    (listed(".", "a"), "stay inside"),
]


@pytest.mark.parametrize(("change", "why"), BAD_STATEMENTS, ids=map(str, range(len(BAD_STATEMENTS))))
def test_a_statement_of_another_form_is_refused_though_rightly_signed(change: Change, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        check(bundle(copy(statement(), change)))


BAD_BUNDLES: list[tuple[Change, str]] = [
    (lambda b: b.update(mediaType="application/json"), '"mediaType"'),
    (lambda b: b.update(messageSignature={}), '"messageSignature"'),
    (lambda b: b.pop("verificationMaterial"), '"verificationMaterial" .* is missing'),
    (lambda b: b.update(verificationMaterial={}), "either one public key or one chain"),
    (lambda b: b.update(verificationMaterial={"certificate": {}}), "without a lasting key"),
    (lambda b: b["verificationMaterial"].update(certificate={}), "either one public key or one chain"),
    (lambda b: b["verificationMaterial"]["publicKey"].update(hint="0" * 64), "signed with another key"),
    (lambda b: b.update(verificationMaterial={"x509CertificateChain": {"certificates": []}}), "no certif"),
    (
        lambda b: b.update(
            verificationMaterial={"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}
        ),
        "cannot be read",
    ),
    (lambda b: b.pop("dsseEnvelope"), '"dsseEnvelope" .* is missing'),
    (lambda b: b["dsseEnvelope"].update(payloadType="text/plain"), '"payloadType" is "text/plain"'),
    (lambda b: b["dsseEnvelope"].update(payload="e30"), '"payload" .* is not base64'),
    (lambda b: b["dsseEnvelope"].update(payload="e31="), '"payload" .* is not base64'),
    (lambda b: b["dsseEnvelope"].update(signatures=[]), "holds 0 signatures"),
    (lambda b: b["dsseEnvelope"].update(signatures=b["dsseEnvelope"]["signatures"] * 2), "2 signatures"),
    (lambda b: b["dsseEnvelope"]["signatures"][0].pop("sig"), '"sig" .* is not base64'),
]


@pytest.mark.parametrize(("change", "why"), BAD_BUNDLES, ids=map(str, range(len(BAD_BUNDLES))))
def test_a_bundle_of_another_form_is_refused(change: Change, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        check(copy(GOOD, change))


def test_another_key_is_refused_though_the_bundle_names_the_right_one() -> None:
    made = copy(
        bundle(statement(), OTHER), lambda b: b.update(verificationMaterial=GOOD["verificationMaterial"])
    )
    with pytest.raises(NotGenuine, match="does not hold under the given key"):
        check(made)


def test_a_payload_that_could_be_read_in_two_ways_is_refused() -> None:
    twice = json.dumps(statement())[:-1] + ', "predicate": {}}'
    with pytest.raises(NotGenuine, match='"predicate" stands twice'):
        check(bundle(twice.encode()))


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotGenuine, match="larger than 16 MiB"):
        verify(b" " * (model_signing.LARGEST + 1), FILES, pem(KEY))
    monkeypatch.setattr(model_signing, "MOST_FILES", 2)
    with pytest.raises(NotGenuine, match="lists 3 files; expected between 1 and 2"):
        check(GOOD)


@pytest.mark.parametrize(
    "key",
    [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     pem(ec.derive_private_key(7, ec.SECP256K1())), pem(ed25519.Ed25519PrivateKey.generate())],
    ids=["nothing", "no key", "no certificate", "another curve", "another kind"],
)  # fmt: skip
def test_a_key_that_cannot_serve_is_bad_input(key: bytes) -> None:
    with pytest.raises(BadInput, match="The key is "):
        check(GOOD, key=key)


def certificate(*extensions: x509.ExtensionType) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    made = x509.CertificateBuilder(name, name, KEY.public_key(), 1).not_valid_before(AT)
    for extension in extensions:
        made = made.add_extension(extension, critical=True)
    signed = made.not_valid_after(AT + timedelta(days=1)).sign(KEY, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(sign, False, False, False, True, False, False, False, False)


def test_a_certificate_counts_in_its_time_and_for_signing_only() -> None:
    good = certificate(usage(sign=True))
    assert check(GOOD, key=good, at=AT).name == "credit"
    for at in (AT - timedelta(seconds=1), AT + timedelta(days=1, seconds=1)):
        with pytest.raises(NotGenuine, match="The certificate counts from 2026-12-01"):
            check(GOOD, key=good, at=at)
    with pytest.raises(BadInput, match="say when it is asked"):
        check(GOOD, key=good)
    with pytest.raises(NotGenuine, match="does not allow its key to sign"):
        check(GOOD, key=certificate(usage(sign=False)), at=AT)
    with pytest.raises(NotGenuine, match="does not say that its key may sign"):
        check(GOOD, key=certificate(), at=AT)


@given(st.sampled_from(["payload", "sig"]), st.data())
def test_any_one_changed_bit_of_what_is_signed_or_of_the_signature_is_refused(where: str, data: Any) -> None:
    made = json.loads(json.dumps(GOOD))
    envelope = made["dsseEnvelope"]
    place = envelope if where == "payload" else envelope["signatures"][0]
    raw = bytearray(base64.b64decode(place[where]))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    place[where] = b64(bytes(raw))
    with pytest.raises(NotGenuine, match="does not hold"):
        check(made)


NAMES = st.text("ab/.-", min_size=1, max_size=6)
DIGESTS = st.sampled_from([ABC, HELLO, EMPTY])


@given(st.dictionaries(NAMES, DIGESTS, max_size=4))
def test_only_exactly_the_signed_files_are_accepted(files: dict[str, str]) -> None:
    for there in (files, {**FILES, **files}):
        if there == FILES:
            assert check(GOOD, there).files == FILES
        else:
            with pytest.raises(NotGenuine, match=r"not signed|not there|was changed"):
                check(GOOD, there)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data(), JSON)
def test_any_value_of_another_kind_anywhere_is_refused_or_changes_nothing(data: Any, value: Json) -> None:
    """Never a traceback: whatever a signer puts somewhere, what is accepted are the signed files."""
    said = json.loads(json.dumps(statement()))
    place = said
    while True:
        step = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[step], (dict, list)) or data.draw(st.booleans()):
            place[step] = value
            break
        place = place[step]
    with suppress(NotGenuine):
        assert check(bundle(said)).files == FILES


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_bundle_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(NotGenuine):
        verify(data, FILES, pem(KEY))
