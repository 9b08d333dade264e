"""Signatures inside the PDF (PAdES, incremental): fields prepared first, the first signer certifies."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization

from apps.audit import timestamps
from apps.engine.timestamp import certificates_of, stamped_at, without_padding
from apps.reports.certificates import Identity
from apps.reports.lettering import letters_of

BOX_WIDTH, BOX_HEIGHT, LEFT, TOP = 230, 56, 57, 596
LONGEST_SIGNATURE = 72  # of P-256, DER
RESERVED = 24_576  # hexadecimal digits: a stamp with a commercial authority's chain takes some 6 KiB


def with_fields(pdf: bytes, names: Sequence[str]) -> bytes:
    """The PDF with one empty signature field a seat, on its last page."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    for position, name in enumerate(names):
        append_signature_field(writer, SigFieldSpec(name, on_page=-1, box=_box(position)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _box(position: int) -> tuple[int, int, int, int]:
    row, column = divmod(position, 2)
    x, y = LEFT + column * (BOX_WIDTH + 20), TOP - row * (BOX_HEIGHT + 18)
    return x, y, x + BOX_WIDTH, y + BOX_HEIGHT


@dataclass(frozen=True, slots=True)
class Words:
    """What a signature says on the page and in the file: the place it takes, and what it means."""

    field: str
    meaning: str
    role: str


def sign(pdf: bytes, *, words: Words, identity: Identity, at: datetime, first: bool) -> bytes:
    """The PDF with one more signature appended, its time stamped by the authority; nothing before it changes.

    The first signature certifies the document: after it only forms may be filled and signed. Without a
    stamp there is no signature: Unreachable.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

    name = identity.certificate.subject.rfc4514_string()
    person = _common_name(identity)
    metadata = signers.PdfSignatureMetadata(
        field_name=words.field,
        name=person,
        reason=words.meaning,
        subfilter=SigSeedSubFilter.PADES,
        certify=first,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        md_algorithm="sha256",
    )
    text = f"{person}\n{words.meaning}, as {words.role}\n{at:%Y-%m-%d %H:%M:%S} UTC"
    signer = signers.PdfSigner(
        metadata, signer=_signer(identity), stamp_style=_stamp(text), timestamper=_timestamper()
    )
    out = io.BytesIO()
    signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out, bytes_reserved=RESERVED)
    return _appended(pdf, out.getvalue(), f"the signature of {name}")


def _appended(before: bytes, after: bytes, what: str) -> bytes:
    """What only appends; anything else would break the signatures before it."""
    if not after.startswith(before) or len(after) == len(before):
        raise AssertionError(f"{what} rewrote what was signed before")
    return after


def archive(pdf: bytes, *, certificates: Sequence[str], lists: Sequence[bytes]) -> bytes:
    """The PDF with what its verification needs inside, under a stamp of the whole document (PAdES B-LTA).

    `certificates` are those of the signers' issuer and of the time-stamping authority, `lists` the
    revocation lists that say which of them were withdrawn.
    """
    from asn1crypto import crl
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import PdfTimeStamper
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        sig_contents=None,
        certs=certificates_of(certificates),
        crls=[crl.CertificateList.load(one) for one in lists],
    )
    stamper = PdfTimeStamper(_timestamper())
    out = io.BytesIO()
    stamper.timestamp_pdf(writer, "sha256", bytes_reserved=RESERVED, output=out)
    return _appended(pdf, out.getvalue(), "the stamp of the archive")


def attached(pdf: bytes) -> bytes:
    """The one file that a report of ours carries."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    _, specification = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    data: bytes = specification.get_object()["/EF"]["/F"].data
    return data


def newest_stamp(pdf: bytes) -> datetime:
    """The time of the last signature's stamp, or of the last stamp of the whole document."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    last = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[-1]
    if last.sig_object_type == "/DocTimeStamp":
        return stamped_at(without_padding(last.pkcs7_content))
    for attribute in last.signer_info["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            return stamped_at(attribute["values"][0].dump())
    raise AssertionError("a signature without a time stamp was about to be kept")


def _timestamper() -> Any:
    """The library's way to ask for stamps, by our own client; a stamp is verified before it is used."""
    from asn1crypto import cms
    from pyhanko.sign.timestamps import TimeStamper

    class OurTimeStamper(TimeStamper):
        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
            if md_algorithm != "sha256":
                raise ValueError(f"time stamps are of SHA-256 digests, not {md_algorithm}")
            token = await asyncio.to_thread(timestamps.stamp, message_digest)
            return cms.ContentInfo.load(token)

    made: TimeStamper = OurTimeStamper()  # type: ignore[no-untyped-call]
    return made


def _common_name(identity: Identity) -> str:
    from cryptography.x509.oid import NameOID

    return str(identity.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _signer(identity: Identity) -> Any:
    """The library's way to have something signed: by a key that is only asked for signatures."""
    from asn1crypto import algos, x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class OurSigner(signers.Signer):
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            if digest_algorithm != "sha256":
                raise ValueError(f"reports are signed over SHA-256, not {digest_algorithm}")
            if dry_run:
                return bytes(LONGEST_SIGNATURE)
            return await asyncio.to_thread(identity.key.sign, data, ec.ECDSA(hashes.SHA256()))

    der = serialization.Encoding.DER
    store = SimpleCertificateStore()
    store.register(x509.Certificate.load(identity.issuer.public_bytes(der)))
    made: signers.Signer = OurSigner(
        signing_cert=x509.Certificate.load(identity.certificate.public_bytes(der)),
        cert_registry=store,
        signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
    )
    return made


def _stamp(text: str) -> Any:
    from pyhanko.pdf_utils.font.api import FontEngineFactory
    from pyhanko.pdf_utils.font.opentype import GlyphAccumulator
    from pyhanko.pdf_utils.text import TextBoxStyle
    from pyhanko.stamp import TextStampStyle

    class Embedded(FontEngineFactory):
        """The report's font, with the letters of the text."""

        def create_font_engine(self, writer: Any, obj_stream: Any = None) -> Any:
            stream = obj_stream or (writer.prepare_object_stream() if writer.stream_xrefs else None)
            return GlyphAccumulator(writer, io.BytesIO(letters_of(text)), font_size=10, obj_stream=stream)

    box = TextBoxStyle(font=Embedded(), font_size=10, leading=13)
    # The library fills in what follows a percent sign.
    return TextStampStyle(stamp_text=text.replace("%", "%%"), text_box_style=box, border_width=1)
