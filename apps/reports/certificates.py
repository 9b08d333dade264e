"""Certificates of signers: an issuing authority of the service and one certificate a person.

Their keys lie in files, which suits the demonstration and small installations, or in the hardware module
that holds the service's own (COUNTERSIGN_KEYS=pkcs11); a file then holds the certificate and names the key.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from apps.access.models import Person
from apps.audit.errors import Refused
from apps.reports import hardware
from apps.reports.models import CertificateRevocation
from apps.reports.states import Cause

Key = ec.EllipticCurvePrivateKey
Certificate = x509.Certificate
CA_YEARS, PERSON_YEARS = 20, 2
FLAGS = {
    Cause.COMPROMISED: x509.ReasonFlags.key_compromise,
    Cause.LEFT: x509.ReasonFlags.affiliation_changed,
    Cause.REPLACED: x509.ReasonFlags.superseded,
    Cause.ENDED: x509.ReasonFlags.cessation_of_operation,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A signer's private key and certificate, with the certificate of the issuer."""

    key: Key
    certificate: x509.Certificate
    issuer: x509.Certificate

    @property
    def sha256(self) -> str:
        """The certificate's fingerprint, hex."""
        return fingerprint(self.certificate)


def fingerprint(certificate: Certificate) -> str:
    """The SHA-256 of a certificate, hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _folder() -> Path:
    folder = Path(settings.STATE) / "keys" / "reports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def authority() -> tuple[Key, x509.Certificate]:
    """The issuing authority; made on first use."""
    return _held("authority", _authority_certificate)


def authority_pem() -> str:
    """The authority's certificate as PEM: what a verifier pins."""
    return authority()[1].public_bytes(serialization.Encoding.PEM).decode()


def authorities_pem() -> list[str]:
    """The certificates of the present authority and of those before it, as PEM, the present one first.

    Each is kept apart from its key, so that what was signed under it stays good when the keys move into
    hardware, or when an authority's time is over.
    """
    present = authority()[1]
    for one in (present, *_authorities_beside()):
        path = _folder() / f"issuer-{fingerprint(one)[:16]}.crt"
        if not path.exists():
            path.write_bytes(one.public_bytes(serialization.Encoding.PEM))
    kept = [path.read_text() for path in sorted(_folder().glob("issuer-*.crt"))]
    return sorted(kept, key=lambda pem: pem != authority_pem())


def _authorities_beside() -> Iterator[x509.Certificate]:
    """Those of whose keys a file tells, whichever way keys are kept now."""
    for path in sorted(_folder().glob("authority.p*")):
        data = path.read_bytes()
        begin = data.find(b"-----BEGIN CERTIFICATE")
        if begin >= 0:
            yield x509.load_pem_x509_certificate(data[begin:])


def signer_for(person: Person) -> Identity:
    """The key and certificate with which a person signs, wherever they are kept."""
    return identity_of(person)


def revocation_list() -> bytes:
    """The issuer's list of withdrawn certificates, DER."""
    return _revocations().public_bytes(serialization.Encoding.DER)


def revocation_pem() -> str:
    """The same as PEM: what a verifier pins beside the authority."""
    return _revocations().public_bytes(serialization.Encoding.PEM).decode()


def _revocations() -> x509.CertificateRevocationList:
    key, certificate = authority()
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now)
        .next_update(now + dt.timedelta(days=365))
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
    )
    for row in CertificateRevocation.objects.order_by("revoked_at", "pk"):
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(int(row.serial, 16))
            .revocation_date(row.revoked_at)
            .add_extension(x509.CRLReason(FLAGS[Cause(row.cause)]), critical=False)
            .build()
        )
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256())


def held_by(person: Person) -> x509.Certificate | None:
    """The certificate with which a person signs now; None while there is none that counts."""
    found = _valid(_path(f"person-{person.pk}"))
    return found[1] if found is not None else None


def forget(person: Person, sha256: str) -> None:
    """Destroy the key of a certificate that was withdrawn; the next signing makes a new one."""
    path = _path(f"person-{person.pk}")
    with _only_one(path):
        if not path.exists():
            return
        key, certificate = _read(path)
        if fingerprint(certificate) != sha256:
            return
        path.unlink()
    if isinstance(key, hardware.HardwareKey):
        hardware.destroyed(key.ident)


def holders() -> list[tuple[int, x509.Certificate]]:
    """The number of each person that has a certificate now, with the certificate."""
    paths = sorted(_folder().glob(f"person-*{_suffix()}"))
    found = ((path, _valid(path)) for path in paths)
    return [(int(path.stem.removeprefix("person-")), pair[1]) for path, pair in found if pair is not None]


def identity_of(person: Person) -> Identity:
    """The person's key and certificate; made on first use, and again when it ended."""
    issuer_key, issuer = authority()
    key, certificate = _held(
        f"person-{person.pk}", lambda own: _person_certificate(person, own, issuer_key, issuer)
    )
    return Identity(key, certificate, issuer)


def _held(name: str, issue: Callable[[Key], x509.Certificate]) -> tuple[Key, x509.Certificate]:
    """The key and certificate kept under a name, made together when there are none that count."""
    path = _path(name)
    found = _valid(path)
    if found is not None:
        return found
    with _only_one(path):
        return _valid(path) or _made(path, issue)


def _in_hardware() -> bool:
    return getattr(settings, "KEYS", "file") == "pkcs11"


def _suffix() -> str:
    return ".pkcs11" if _in_hardware() else ".pem"


def _path(name: str) -> Path:
    return _folder() / f"{name}{_suffix()}"


def _valid(path: Path) -> tuple[Key, x509.Certificate] | None:
    if not path.exists():
        return None
    key, certificate = _read(path)
    if certificate.not_valid_after_utc <= dt.datetime.now(dt.UTC) or _withdrawn(certificate):
        return None
    return key, certificate


def _withdrawn(certificate: Certificate) -> bool:
    """Whether a person's certificate was withdrawn; the issuer's own ends only with its time."""
    if certificate.issuer == certificate.subject:
        return False
    return CertificateRevocation.objects.filter(certificate_sha256=fingerprint(certificate)).exists()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Of several processes one makes the file; the others wait and read it."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made(path: Path, issue: Callable[[Key], x509.Certificate]) -> tuple[Key, x509.Certificate]:
    key: Key = (
        hardware.made(f"countersign-{path.stem}")
        if _in_hardware()
        else ec.generate_private_key(ec.SECP256R1())
    )
    certificate = issue(key)
    _write(path, key, certificate)
    return key, certificate


def _read(path: Path) -> tuple[Key, x509.Certificate]:
    data = path.read_bytes()
    if path.suffix == ".pkcs11":
        named, _, pem = data.partition(b"\n")
        return hardware.found(_ident(named, path)), x509.load_pem_x509_certificate(pem)
    key = serialization.load_pem_private_key(data, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.name} holds no elliptic-curve key")
    return key, x509.load_pem_x509_certificate(data)


def _ident(named: bytes, path: Path) -> bytes:
    try:
        return bytes.fromhex(named.decode("ascii"))
    except ValueError as error:
        raise Refused(f"{path} does not name a key of the token.", code="key_unusable") from error


def _private(key: Key) -> bytes:
    """The key as its file holds it: itself, or what names it in the token."""
    if isinstance(key, hardware.HardwareKey):
        return key.ident.hex().encode() + b"\n"
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, key: Key, certificate: x509.Certificate) -> None:
    private = _private(key)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private + certificate.public_bytes(serialization.Encoding.PEM))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _builder(subject: x509.Name, years: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=365 * years))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_certificate(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Countersign report signers")])
    return (
        _builder(name, CA_YEARS)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _person_certificate(
    person: Person,
    key: Key,
    issuer_key: Key,
    issuer: x509.Certificate,
) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, str(person)[:64]),
            x509.NameAttribute(NameOID.USER_ID, person.username[:64]),
        ]
    )
    return (
        _builder(name, PERSON_YEARS)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
