"""Lists of withdrawn certificates of signers (RFC 5280): counted only under the signature of their issuer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.engine.errors import BadInput

if TYPE_CHECKING:
    from cryptography.x509 import CertificateRevocationList
    from pyhanko.pdf_utils.reader import PdfFileReader


def withdrawn_by(
    issuers: Sequence[Any], *, pinned: Iterable[str] = (), inside: Iterable[bytes] = ()
) -> dict[int, datetime]:
    """By serial number, the moment from which each withdrawn certificate counts no more.

    Parameters
    ----------
    issuers : sequence
        The trusted issuers, as the PDF library's certificates.
    pinned : iterable of str
        Lists in PEM form; one that no issuer signed is BadInput.
    inside : iterable of bytes
        Lists in DER form from the file itself; one that no issuer signed is passed over.

    Returns
    -------
    dict
        The earliest moment where several lists name a certificate.

    Examples
    --------
    >>> withdrawn_by([])
    {}
    """
    from cryptography import x509

    found: dict[int, datetime] = {}
    for text in pinned:
        try:
            known = x509.load_pem_x509_crl(text.encode())
        except ValueError as error:
            raise BadInput(f"A revocation list of the key set cannot be read: {error}") from error
        if not _genuine(known, issuers):
            raise BadInput("A revocation list of the key set is not signed by a pinned issuer.")
        _note(found, known)
    for data in inside:
        try:
            told = x509.load_der_x509_crl(data)
        except ValueError:
            continue  # anybody can put anything into a file
        if _genuine(told, issuers):
            _note(found, told)
    return found


def lists_inside(reader: PdfFileReader) -> list[bytes]:
    """The revocation lists that an archived report carries, DER."""
    if "/DSS" not in reader.root or "/CRLs" not in reader.root["/DSS"]:
        return []
    return [bytes(one.get_object().data) for one in reader.root["/DSS"]["/CRLs"]]


def _genuine(found: CertificateRevocationList, issuers: Sequence[Any]) -> bool:
    from cryptography import x509

    for issuer in issuers:
        certificate = x509.load_der_x509_certificate(issuer.dump())
        key: Any = certificate.public_key()
        if certificate.subject == found.issuer and found.is_signature_valid(key):
            return True
    return False


def _note(dates: dict[int, datetime], found: CertificateRevocationList) -> None:
    for entry in found:
        since = entry.revocation_date_utc
        dates[entry.serial_number] = min(since, dates.get(entry.serial_number, since))
