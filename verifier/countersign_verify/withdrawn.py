"""Lists of withdrawn certificates: those that were given, and those that an archived report carries."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from countersign_verify.faults import Wrong

# A serial number is an issuer's own.
Withdrawn = Mapping[tuple[bytes, int], datetime]

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_LARGEST = 1 << 20
_MOST = 10_000


def of(issuers: Sequence[x509.Certificate], given: Sequence[str], document: bytes) -> Withdrawn:
    """By issuer and serial number, since when a certificate counts no more.

    A list that was given must be an issuer's; of what a document carries the others are passed over, since
    anybody can put anything there.
    """
    dates: dict[tuple[bytes, int], datetime] = {}
    for text in given:
        found = _read(text)
        if not _genuine(found, issuers):
            raise Wrong("A revocation list that was given is not signed by an issuer that was given.")
        _note(dates, found)
    for inside in _inside(document):
        if _genuine(inside, issuers):
            _note(dates, inside)
    return dates


def refuse(dates: Withdrawn, certificate: x509.Certificate, at: datetime, what: str) -> None:
    """Wrong for a signature that was made once its certificate was withdrawn."""
    since = dates.get((certificate.issuer.public_bytes(), certificate.serial_number))
    if since is not None and at >= since:
        raise Wrong(f"{what} was made after its certificate was withdrawn on {since.isoformat()}.")


def lists_in(doc: Any, what: str) -> list[str]:
    """The lists of a key set, in PEM form."""
    found = doc.get("revocation_lists") or []
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise Wrong(f'"revocation_lists" of {what} is no list of texts.')
    return found


def lists_in_pem(data: bytes) -> list[str]:
    """The lists among the blocks of a PEM file."""
    blocks = (b"-----BEGIN " + part for part in data.split(b"-----BEGIN ")[1:])
    return [block.decode("ascii", "replace") for block in blocks if b"X509 CRL" in block.split(b"\n", 1)[0]]


def _read(text: str) -> x509.CertificateRevocationList:
    try:
        return x509.load_pem_x509_crl(text.encode())
    except ValueError:
        raise Wrong("A revocation list that was given cannot be read.") from None


def _inside(document: bytes) -> Iterator[x509.CertificateRevocationList]:
    """Every stream of a PDF that is a list of withdrawn certificates, wherever it stands."""
    for number, match in enumerate(_STREAM.finditer(document)):
        if number == _MOST:
            return
        end = document.find(b"endstream", match.end())
        if 0 < end - match.end() <= _LARGEST:
            try:
                yield x509.load_der_x509_crl(_unpacked(document[match.end() : end]))
            except ValueError:
                continue


def _unpacked(data: bytes) -> bytes:
    if data[:1] == b"\x30":
        return _first(data)
    try:
        return _first(zlib.decompressobj().decompress(data, _LARGEST))
    except zlib.error:
        raise ValueError("no stream that was packed") from None


def _first(data: bytes) -> bytes:
    """A value without the line's end that a stream has after it."""
    if data[:1] != b"\x30" or len(data) < 4:
        raise ValueError("no list")
    many = data[1] & 0x7F if data[1] & 0x80 else 0
    size = int.from_bytes(data[2 : 2 + many], "big") if many else data[1]
    return data[: 2 + many + size]


def _genuine(found: x509.CertificateRevocationList, issuers: Sequence[x509.Certificate]) -> bool:
    for issuer in issuers:
        try:
            key: Any = issuer.public_key()
            if issuer.subject == found.issuer and found.is_signature_valid(key):
                return True
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            continue
    return False


def _note(dates: dict[tuple[bytes, int], datetime], found: x509.CertificateRevocationList) -> None:
    for entry in found:
        name, since = (found.issuer.public_bytes(), entry.serial_number), entry.revocation_date_utc
        dates[name] = min(since, dates.get(name, since))
