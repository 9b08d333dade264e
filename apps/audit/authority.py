"""A time-stamping authority for demonstrations and tests: its own process, key and certificate.

It speaks RFC 3161 over HTTP as a real one does, and its name says that it is none: whoever runs the
service runs it too, so its time proves nothing to anybody else.
"""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "Countersign TEST time-stamping authority"
POLICY = "1.3.6.1.4.1.56565.0.1"  # of no meaning: this authority has no policy to keep
LARGEST, ROOM, DAYS = 4096, 1 << 16, 3650
TYPES = {"query": "application/timestamp-query", "reply": "application/timestamp-reply"}
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER


class _Rejection(core.Sequence):  # type: ignore[misc]
    """A response without a token."""

    _fields = [("status", tsp.PKIStatusInfo)]


class BadQuery(ValueError):
    """A request that is not stamped; `str()` of it goes back to whoever asked."""


@dataclass(frozen=True, slots=True)
class Stamper:
    """The authority's key, its certificate and the root above it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    root: x509.Certificate

    @property
    def pem(self) -> str:
        """The root: what a verifier pins."""
        return self.root.public_bytes(_PEM).decode()

    def answer(self, query: bytes, *, at: dt.datetime) -> bytes:
        """The DER of the response; a bad request is rejected with the reason."""
        try:
            token = self._token(_asked(query), at)
        except BadQuery as error:
            told = tsp.PKIStatusInfo({"status": "rejection", "status_string": [str(error)]})
            return bytes(_Rejection({"status": told}).dump())
        granted = tsp.PKIStatusInfo({"status": "granted"})
        return bytes(tsp.TimeStampResp({"status": granted, "time_stamp_token": token}).dump())

    def _token(self, asked: tsp.TimeStampReq, at: dt.datetime) -> cms.ContentInfo:
        own = asn1_x509.Certificate.load(self.certificate.public_bytes(_DER))
        above = asn1_x509.Certificate.load(self.root.public_bytes(_DER))
        said = {
            "version": "v1",
            "policy": tsp.ObjectIdentifier(POLICY),
            "message_imprint": asked["message_imprint"],
            "serial_number": secrets.randbits(63),
            "gen_time": core.GeneralizedTime(at),
            "tsa": asn1_x509.GeneralName(name="directory_name", value=own.subject),
        }
        if asked["nonce"].native is not None:
            said["nonce"] = asked["nonce"]
        content = tsp.TSTInfo(said).dump()
        signed = {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(content)},
            "certificates": [own, above],
            "signer_infos": [self._signer_info(own, content)],
        }
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})

    def _signer_info(self, own: asn1_x509.Certificate, content: bytes) -> cms.SignerInfo:
        known_as = tsp.ESSCertIDv2(
            {"hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}), "cert_hash": own.sha256}
        )
        attributes = cms.CMSAttributes(
            [
                _attribute("content_type", cms.ContentType("tst_info")),
                _attribute("message_digest", cms.OctetString(hashlib.sha256(content).digest())),
                _attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [known_as]})),
            ]
        )
        issued = {"issuer": own.issuer, "serial_number": own.serial_number}
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier({"issuer_and_serial_number": issued}),
                "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signed_attrs": attributes,
                "signature": self.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
            }
        )


def _attribute(name: str, value: object) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": cms.CMSAttributeType(name), "values": (value,)})


def _asked(query: bytes) -> tsp.TimeStampReq:
    try:
        asked = tsp.TimeStampReq.load(query, strict=True)
        imprint = asked["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].native
        length = len(imprint["hashed_message"].native)
    except (ValueError, TypeError, KeyError) as error:
        raise BadQuery("this is no time-stamp request") from error
    wanted = {"sha256": 32, "sha384": 48, "sha512": 64}.get(algorithm)
    if wanted is None or wanted != length:
        raise BadQuery("a SHA-256, SHA-384 or SHA-512 digest is wanted")
    return asked


# --- Its key and certificates ----------------------------------------------------------------------------


def stamper(folder: Path) -> Stamper:
    """The authority kept in a folder; made on first use."""
    path = folder / "authority.pem"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:  # of several starters one makes it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _make(folder, path)
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    own, root = x509.load_pem_x509_certificates(data)
    return Stamper(key, own, root)


def _make(folder: Path, path: Path) -> None:
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    top = _name(f"{NAME}: root")
    root = _built(top, root_key.public_key(), top, ca=True).sign(root_key, hashes.SHA256())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    own = (
        _built(_name(NAME), key.public_key(), top, ca=False)
        .add_extension(usage, critical=True)
        .sign(root_key, hashes.SHA256())
    )
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(folder / "certificates.pem", root.public_bytes(_PEM), mode=0o644)
    _write(path, private + own.public_bytes(_PEM) + root.public_bytes(_PEM), mode=0o600)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        os.fsync(file.fileno())
    draft.replace(path)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _built(
    subject: x509.Name, public: ec.EllipticCurvePublicKey, issuer: x509.Name, *, ca: bool
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    usage = x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


# --- Its service ------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers time-stamp requests on this machine; its address stands in the folder while it runs."""

    daemon_threads = True

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.stamper = stamper(folder)
        super().__init__(("127.0.0.1", port), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}/"
        _write(folder / "address", self.address.encode("ascii"), mode=0o644)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != TYPES["query"]:
            self.send_error(415, explain=f"Send {TYPES['query']}.")
        elif not length.isascii() or not length.isdigit() or not 0 < int(length) <= LARGEST:
            self.send_error(413, explain=f"A request has between 1 and {LARGEST} bytes.")
        else:
            self._answer(self.server.stamper.answer(self.rfile.read(int(length)), at=dt.datetime.now(dt.UTC)))

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", TYPES["reply"])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """A request says nothing that is worth a line."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True, help="where its key, certificates, address lie")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (0)")
    given = parser.parse_args()
    with Server(given.folder, port=given.port) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
