"""Signed reports made by hand: an issuer, two signers, real time stamps; nothing of a database."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pypdf import PdfWriter

from apps.audit import timestamps
from apps.engine.canonical import digest
from apps.engine.keys import KeySet
from apps.reports import pades
from apps.reports.certificates import Identity
from tests.verifier.making import TYPE, Making, key_set

SEATS = ("Signature 1", "Signature 2")


@cache
def issuer(name: str = "Bank Issuing CA") -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(name, name, key, key, authority=True)


@cache
def identity(name: str, by: str = "Bank Issuing CA") -> Identity:
    key, (above, certificate) = ec.generate_private_key(ec.SECP256R1()), issuer(by)
    return Identity(key, _certificate(name, by, key, above, authority=False), certificate)


def _certificate(
    name: str, by: str, key: ec.EllipticCurvePrivateKey, above: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    signing = {"digital_signature": True, "content_commitment": not authority}
    ruling = {"key_cert_sign": authority, "crl_sign": authority}
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage, **signing, **ruling), critical=True)
        .sign(above, hashes.SHA256())
    )


def pem(name: str = "Bank Issuing CA") -> str:
    return issuer(name)[1].public_bytes(serialization.Encoding.PEM).decode()


@cache
def blank() -> bytes:
    """A page with a field for each of two signers."""
    writer, out = PdfWriter(), io.BytesIO()
    writer.add_blank_page(595, 842)
    writer.write(out)
    return pades.with_fields(out.getvalue(), SEATS)


def signed_by(pdf: bytes, who: Identity, *, seat: str = SEATS[0]) -> bytes:
    words = pades.Words(field=seat, meaning="validated", role="validator")
    return pades.sign(pdf, words=words, identity=who, at=datetime.now(UTC), first=seat == SEATS[0])


@cache
def revisions() -> tuple[bytes, bytes, bytes]:
    """Signed by one, by two, and archived."""
    first = signed_by(blank(), identity("Vera"))
    second = signed_by(first, identity("Rob"), seat=SEATS[1])
    kept = pades.archive(second, certificates=[pem(), *timestamps.certificates()], lists=[])
    return first, second, kept


def told(made: Making, *steps: tuple[bytes, Identity | None], last: bytes | None = None) -> Making:
    """A pack that tells of these revisions, each signed by somebody or archived, and holds the last one."""
    before = digest(blank())
    made.say("report/v1", about=before)
    for number, (pdf, who) in enumerate(steps, 1):
        final = last if last is not None and number == len(steps) else pdf
        said = {"report": "r-9", "before": before, "after": digest(final)}
        named = {} if who is None else {"certificate": f"sha256:{who.sha256}"}
        kind = "report-archive/v1" if who is None else "report-signature/v1"
        made.say(kind, about=digest(final), **said, **named)
        before = digest(final)
    made.files["reports/r-9.pdf"] = last if last is not None else steps[-1][0]
    made.keys = KeySet(key_set().records, (pem(),), tuple(timestamps.certificates()))
    return made


__all__ = ["TYPE", "identity", "revisions", "signed_by", "told"]
