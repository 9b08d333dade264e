"""The handshake with a scoring service: a certificate that does not hold ends it before a byte is sent."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.engine.errors import BadInput
from apps.outside.asking import Answer, Away, post
from apps.outside.permits import Permits

HOST, ROWS = "scores.bank.example", b'{"features": ["a"], "rows": [[0]]}'
NOW = datetime.now(UTC)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self.file = folder / "authority.pem"
        self.file.write_bytes(_pem(self._signed("authority", self._key, "authority", ca=True)))

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: str,
        *,
        ca: bool = False,
        until: timedelta = timedelta(days=1),
        by: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        called, by_whom = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, issuer))
        made = (
            x509.CertificateBuilder().subject_name(called).issuer_name(by_whom).public_key(key.public_key())
        )
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(NOW - timedelta(days=2)).not_valid_after(NOW + until)
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return made.sign(by or self._key, hashes.SHA256())

    def certificate(
        self, name: str = HOST, *, until: timedelta = timedelta(days=1), own: bool = False
    ) -> Path:
        """A service's key and certificate in one file; signed by itself where `own` says so."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer, by = (name, key) if own else ("authority", self._key)
        file = self._folder / "service.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + _pem(self._signed(name, key, issuer, until=until, by=by)))
        return file


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this machine trusts for as long as the test lasts."""
    found = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(found.file))
    return found


@contextmanager
def service(certificate: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A service that answers once, and what it was sent in the clear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            try:
                plain, _ = listening.accept()
                with context.wrap_socket(plain, server_side=True) as wire:
                    seen.append(_whole(wire))
                    wire.sendall(ANSWER)
            except OSError:
                pass  # the other side ended the handshake

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listening.getsockname()[1], seen
        thread.join(5)


def _whole(wire: ssl.SSLSocket) -> bytes:
    """Everything that is sent: whoever closes with bytes unread takes its own answer back."""
    read = b""
    while not read.endswith(ROWS) and (piece := wire.recv(65536)):
        read += piece
    return read


def asked(port: int, host: str = HOST) -> Answer:
    allowed = Permits.of([f"https://{host}:{port}=127.0.0.0/8"]).allowed[0]
    url = f"https://{host}:{port}/v1"
    return post(url, ROWS, {}, allowed=allowed, most=4096, seconds=5, resolve=lambda *_: ["127.0.0.1"])


def test_a_certificate_of_a_trusted_authority_for_this_name_holds(authority: Authority) -> None:
    with service(authority.certificate()) as (port, seen):
        assert asked(port).status == 200
    assert seen[0].startswith(b"POST /v1 ")


BROKEN: dict[str, tuple[Callable[[Authority], Path], str]] = {
    "another name": (lambda ca: ca.certificate("evil.example"), "Hostname mismatch"),
    "a name above": (lambda ca: ca.certificate("bank.example"), "Hostname mismatch"),
    "expired": (lambda ca: ca.certificate(until=timedelta(days=-1)), "certificate has expired"),
    "signed by itself": (lambda ca: ca.certificate(own=True), "self-signed certificate"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_that_does_not_hold_ends_it_before_a_byte_is_sent(authority: Authority, case: str) -> None:
    make, words = BROKEN[case]
    with (
        service(make(authority)) as (port, seen),
        pytest.raises(BadInput, match=f"showed a certificate that does not hold: {words}"),
    ):
        asked(port)
    assert seen == []


def test_an_authority_that_nobody_trusts_is_none(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = Authority(tmp_path / "theirs")
    with (
        service(theirs.certificate()) as (port, seen),
        pytest.raises(BadInput, match="showed a certificate that does not hold"),
    ):
        asked(port)
    assert seen == []


def test_plain_http_behind_an_https_address_is_no_answer(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            plain, _ = listening.accept()
            with plain:
                plain.sendall(ANSWER)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Away, match="gave no answer"):
            asked(listening.getsockname()[1])
