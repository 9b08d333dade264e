"""Signatures over whole models, as OpenSSF Model Signing 1.0 has them: exactly these files, or none.

The signature is a Sigstore bundle: a DSSE envelope around an in-toto statement that lists every file
with its digest. It is held against a key that was given from outside, and against *all* files that are
there: one that is not listed is refused, whatever the signature says should be ignored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from apps.engine.canonical import Json, read_json
from apps.engine.errors import BadInput
from apps.engine.model_key import TrustedKey, must_count, trusted_key
from apps.engine.statement import PAYLOAD_TYPE, STATEMENT_TYPE, NotGenuine, pae

BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE: Final = "https://model_signing/signature/v1.0"
ALONE: Final = "."
LARGEST: Final = 1 << 24
MOST_FILES: Final = 100_000
LONGEST_NAME: Final = 4096
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedModel:
    """What was signed: the model's name at that time, the digest over all its files, and each file's."""

    name: str
    digest: str
    files: Mapping[str, str]
    key_id: str


def verify(
    signature: bytes, files: Mapping[str, str], key_pem: bytes, *, at: datetime | None = None
) -> SignedModel:
    """What was signed, once the signature holds and lists these files, all of them and no other.

    Parameters
    ----------
    signature : bytes
        The Sigstore bundle, usually `model.sig`.
    files : Mapping
        The digest ``"sha256:…"`` of every file that is there, by its name relative to the model's folder
        with ``/`` between folders; the name ``"."`` where the model is one file. Without the signature.
    key_pem : bytes
        The public key that is trusted, or the signer's certificate. Keys and certificates inside the
        bundle prove nothing.
    at : datetime, optional
        When the question is asked; a certificate must count then, so with one it must be given.

    Raises
    ------
    NotGenuine
        With the first thing that is wrong with the signature or the files.
    BadInput
        Where the trusted key cannot be used.

    Examples
    --------
    >>> verify(b"{}", {}, b"")
    Traceback (most recent call last):
    ...
    apps.engine.errors.BadInput: The key is neither a public key nor a certificate in PEM.
    """
    key = trusted_key(key_pem)
    if key.certificate is not None:
        must_count(key.certificate, at)
    if len(signature) > LARGEST:
        raise NotGenuine(f"The model signature is larger than {LARGEST >> 20} MiB.")
    signed = _statement(_signed_bytes(_object(_json(signature, "The model signature"), "bundle"), key))
    found = SignedModel(**signed, key_id=key.key_id)
    _same_files(found.files, files)
    return found


# --- The bundle -----------------------------------------------------------------------------------------


def _signed_bytes(bundle: Mapping[str, Json], key: TrustedKey) -> bytes:
    """The payload of the bundle's envelope, once its one signature is that of the key."""
    if bundle.get("mediaType") != BUNDLE:
        raise NotGenuine(
            f'The bundle\'s "mediaType" is {_shown(bundle.get("mediaType"))}; expected "{BUNDLE}".'
        )
    if "messageSignature" in bundle:
        raise NotGenuine('The bundle holds a "messageSignature" beside the envelope of a model signature.')
    _made_with(_object(bundle.get("verificationMaterial"), "verificationMaterial"), key)
    envelope = _object(bundle.get("dsseEnvelope"), "dsseEnvelope")
    kind = envelope.get("payloadType")
    if kind != PAYLOAD_TYPE:
        raise NotGenuine(f'The envelope\'s "payloadType" is {_shown(kind)}; expected "{PAYLOAD_TYPE}".')
    payload = _base64(envelope.get("payload"), "payload")
    signatures = _list(envelope.get("signatures"), "signatures")
    if len(signatures) != 1:
        raise NotGenuine(
            f"The envelope holds {len(signatures)} signatures; a model signature has exactly one."
        )
    made = _base64(_object(signatures[0], "signatures[0]").get("sig"), "sig")
    if not key.holds(made, pae(PAYLOAD_TYPE, payload)):
        raise NotGenuine("The signature does not hold under the given key: it or what it covers was altered.")
    return payload


def _made_with(material: Mapping[str, Json], key: TrustedKey) -> None:
    """Refuse a bundle that itself names another key; that it names this one proves nothing yet."""
    forms = [name for name in ("publicKey", "x509CertificateChain", "certificate") if name in material]
    if len(forms) != 1:
        raise NotGenuine("The bundle must name either one public key or one chain of certificates.")
    if forms == ["certificate"]:
        raise NotGenuine(
            "The bundle was signed without a lasting key (Sigstore keyless), which is not verified."
        )
    if forms == ["publicKey"]:
        hint = _object(material["publicKey"], "publicKey").get("hint") or key.key_id
        named = hint if isinstance(hint, str) else _shown(hint)
    else:
        named = _leaf_key(_object(material["x509CertificateChain"], "x509CertificateChain"))
    if named != key.key_id:
        raise NotGenuine("The model was signed with another key than the one given.")


def _leaf_key(chain: Mapping[str, Json]) -> str:
    from cryptography import x509

    certificates = _list(chain.get("certificates"), "certificates")
    if not certificates:
        raise NotGenuine("The bundle's chain holds no certificate.")
    der = _base64(_object(certificates[0], "certificates[0]").get("rawBytes"), "rawBytes")
    try:
        public = x509.load_der_x509_certificate(der).public_key()
    except Exception as error:  # the library has several kinds for bytes that are no certificate
        raise NotGenuine("The bundle's certificate cannot be read.") from error
    return TrustedKey(public).key_id if isinstance(public, ec.EllipticCurvePublicKey) else ""


# --- The statement --------------------------------------------------------------------------------------


def _statement(payload: bytes) -> dict[str, Any]:
    """Name, digest over all files and the digest of each, by a statement of the one known form."""
    statement = _object(_json(payload, "The signed payload"), "statement")
    for field, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE)):
        if statement.get(field) != expected:
            raise NotGenuine(
                f'"{field}" of the signed statement is {_shown(statement.get(field))}; expected "{expected}".'
            )
    predicate = _object(statement.get("predicate"), "predicate")
    _by_whole_files(_object(predicate.get("serialization"), "serialization"))
    files = _resources(_list(predicate.get("resources"), "resources"))
    subjects = _list(statement.get("subject"), "subject")
    if len(subjects) != 1:
        raise NotGenuine(f"The signed statement has {len(subjects)} subjects; expected one, the model.")
    subject = _object(subjects[0], "subject[0]")
    root = f"sha256:{root_digest(files)}"
    if _object(subject.get("digest"), "subject[0].digest") != {"sha256": root.removeprefix("sha256:")}:
        raise NotGenuine(f"The digest of the signed model is not that of its listed files, {root}.")
    if not isinstance(subject.get("name"), str):
        raise NotGenuine("The signed model has no name.")
    return {"name": subject["name"], "digest": root, "files": files}


def root_digest(files: Mapping[str, str]) -> str:
    """SHA-256, in hex, over the digests of all files, in the order of the mapping.

    Examples
    --------
    >>> empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    >>> root_digest({"a": empty})
    '5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456'
    """
    joined = b"".join(bytes.fromhex(digest.removeprefix("sha256:")) for digest in files.values())
    return hashlib.sha256(joined).hexdigest()


def _by_whole_files(serialization: Mapping[str, Json]) -> None:
    method, kind = serialization.get("method"), serialization.get("hash_type")
    if method != "files":
        raise NotGenuine(f'The model was signed by {_shown(method)}; only whole "files" are verified.')
    _known_algorithm(kind, "hash_type")


def _known_algorithm(kind: Json, where: str) -> None:
    if kind != "sha256":
        raise NotGenuine(f'"{where}" of the signed statement is {_shown(kind)}; only "sha256" is verified.')


def _resources(resources: list[Json]) -> dict[str, str]:
    if not 1 <= len(resources) <= MOST_FILES:
        raise NotGenuine(f"The signature lists {len(resources)} files; expected between 1 and {MOST_FILES}.")
    files: dict[str, str] = {}
    for i, entry in enumerate(resources):
        resource = _object(entry, f"resources[{i}]")
        name, digest = _plain_name(resource.get("name"), alone=len(resources) == 1), resource.get("digest")
        _known_algorithm(resource.get("algorithm"), f"resources[{i}].algorithm")
        if not isinstance(digest, str) or not _HEX.fullmatch(digest):
            raise NotGenuine(f"The digest of {_shown(name)} is not 64 hex digits.")
        if name in files:
            raise NotGenuine(f"The signature lists {_shown(name)} twice.")
        files[name] = f"sha256:{digest}"
    if list(files) != sorted(files, key=lambda name: name.split("/")):
        raise NotGenuine("The signature does not list its files in the order of their names.")
    return files


def _plain_name(name: Json, *, alone: bool) -> str:
    """The name, unless it could mean a place outside the model's folder or be written in two ways."""
    if alone and name == ALONE:
        return ALONE
    if not isinstance(name, str) or not name or len(name.encode()) > LONGEST_NAME:
        raise NotGenuine(f"The signature lists {_shown(name)}, which is no file name.")
    if not name.isprintable() or "\\" in name:
        raise NotGenuine(f"The file name {_shown(name)} holds a sign that is not allowed in one.")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise NotGenuine(f"The file name {_shown(name)} does not stay inside the model's folder as written.")
    return name


# --- The files ------------------------------------------------------------------------------------------


def _same_files(signed: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Refuse the first file, by name, that is not signed, not there, or not what was signed."""
    for name in sorted(signed.keys() | there.keys()):
        if name not in signed:
            raise NotGenuine(f"{_file(name)} is there, but it was not signed.")
        if name not in there:
            raise NotGenuine(f"{_file(name)} was signed, but it is not there.")
        if signed[name] != there[name]:
            raise NotGenuine(f"{_file(name)} is not the file that was signed: it was changed.")


def _file(name: str) -> str:
    return "The model as a single file" if name == ALONE else f"The file {_shown(name)}"


# --- Reading strictly -----------------------------------------------------------------------------------


def _json(data: bytes, what: str) -> Json:
    try:
        return read_json(data, what=what)
    except BadInput as error:
        raise NotGenuine(str(error)) from error


def _object(value: Json, what: str) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise NotGenuine(f'"{what}" of the model signature is {_shown(value)}; expected an object.')
    return value


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise NotGenuine(f'"{what}" of the model signature is {_shown(value)}; expected a list.')
    return value


def _base64(text: Json, what: str) -> bytes:
    """The bytes, where the text is the one spelling that base64 has for them."""
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError) as error:
        raise NotGenuine(f'"{what}" of the model signature is not base64.') from error
    if not data or base64.b64encode(data).decode() != text:
        raise NotGenuine(f'"{what}" of the model signature is not base64.')
    return data


def _shown(value: Json) -> str:
    """A value as a sentence shows it, cut where it is long."""
    if value is None:
        return "missing"
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
