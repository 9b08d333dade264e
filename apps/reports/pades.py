"""Signatures inside the PDF (PAdES, incremental): fields prepared first, the first signer certifies."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization

from apps.reports.certificates import Identity
from apps.reports.drawing import fonts_folder

BOX_WIDTH, BOX_HEIGHT, LEFT, TOP = 230, 62, 51, 640


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


def sign(pdf: bytes, *, field: str, identity: Identity, meaning: str, at: datetime, first: bool) -> bytes:
    """The PDF with one more signature appended; nothing before it changes.

    The first signature certifies the document: after it only forms may be filled and signed.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter

    name = identity.certificate.subject.rfc4514_string()
    person = _common_name(identity)
    metadata = signers.PdfSignatureMetadata(
        field_name=field,
        name=person,
        reason=meaning,
        subfilter=SigSeedSubFilter.PADES,
        certify=first,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        md_algorithm="sha256",
    )
    text = f"{person}\n{meaning}\n{at:%Y-%m-%d %H:%M:%S} UTC"
    signer = signers.PdfSigner(metadata, signer=_signer(identity), stamp_style=_stamp(text))
    out = io.BytesIO()
    signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out)
    signed = out.getvalue()
    if not signed.startswith(pdf):
        raise AssertionError(f"the signature of {name} rewrote what was signed before")
    return signed


def _common_name(identity: Identity) -> str:
    from cryptography.x509.oid import NameOID

    return str(identity.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _signer(identity: Identity) -> Any:
    from asn1crypto import keys, x509
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    der = serialization.Encoding.DER
    private = identity.key.private_bytes(der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    certificate = x509.Certificate.load(identity.certificate.public_bytes(der))
    store = SimpleCertificateStore()
    store.register(x509.Certificate.load(identity.issuer.public_bytes(der)))
    return signers.SimpleSigner(
        signing_cert=certificate, signing_key=keys.PrivateKeyInfo.load(private), cert_registry=store
    )


def _stamp(text: str) -> Any:
    from pyhanko.pdf_utils.font.api import FontEngineFactory
    from pyhanko.pdf_utils.font.opentype import GlyphAccumulator
    from pyhanko.pdf_utils.text import TextBoxStyle
    from pyhanko.stamp import TextStampStyle

    class Embedded(FontEngineFactory):
        """The report's font from memory; the library's own factory leaves its file open."""

        def create_font_engine(self, writer: Any, obj_stream: Any = None) -> Any:
            stream = obj_stream or (writer.prepare_object_stream() if writer.stream_xrefs else None)
            data = io.BytesIO((fonts_folder() / "DejaVuSans.ttf").read_bytes())
            return GlyphAccumulator(writer, data, font_size=10, obj_stream=stream)

    return TextStampStyle(stamp_text=text, text_box_style=TextBoxStyle(font=Embedded(), font_size=10))
