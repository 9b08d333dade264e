from __future__ import annotations

import io
import json
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from apps.audit.authority import Stamper, stamper
from apps.cli.main import main
from apps.engine.keys import KeySet
from tests.stamping import Stamping

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
AT = "2026-11-30T12:00:00Z"
Party = tuple[x509.Certificate, EllipticCurvePrivateKey]


@cache
def party(name: str, issuer: Party | None = None) -> Party:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(SINCE)
        .not_valid_after(SINCE + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(_usage(authority=issuer is None), critical=True)
    )
    return built.sign((issuer[1] if issuer else key), hashes.SHA256()), key


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def root(name: str = "Example Root") -> Party:
    return party(name)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _signer(who: Party, above: Party) -> signers.SimpleSigner:
    store = SimpleCertificateStore()
    store.register(asn1_x509.Certificate.load(above[0].public_bytes(serialization.Encoding.DER)))
    der = who[1].private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(who[0].public_bytes(serialization.Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=store,
    )


def blank() -> bytes:
    writer = PdfFileWriter()
    content = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.insert_page(PageObject(contents=content, media_box=(0, 0, 200, 200)))
    for name in ("validator", "officer"):
        fields.append_signature_field(writer, SigFieldSpec(sig_field_name=name))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@cache
def authority() -> Stamper:
    return stamper(Path(tempfile.mkdtemp(prefix="authority-of-tests-")))


def signed_by(
    data: bytes, field: str, who: Party, above: Party, *, first: bool, at: datetime | None = None
) -> bytes:
    meta = signers.PdfSignatureMetadata(
        field_name=field,
        certify=first,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        reason="approved",
        subfilter=SigSeedSubFilter.PADES,
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    stamping = Stamping(authority(), at)
    return signers.sign_pdf(writer, meta, signer=_signer(who, above), timestamper=stamping).getvalue()


@cache
def revisions() -> tuple[bytes, bytes]:
    first = signed_by(blank(), "validator", party("Vera Validator", root()), root(), first=True)
    return first, signed_by(first, "officer", party("Otto Officer", root()), root(), first=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys.json").write_text(
        json.dumps(KeySet((), (pem(root()[0]),), (authority().pem,)).as_json())
    )
    return tmp_path


def ask(folder: Path, data: bytes, *words: str, keys: bool = True) -> int:
    (folder / "report.pdf").write_bytes(data)
    pinned = ["--keys", str(folder / "keys.json")] if keys else []
    return main(["verify", str(folder / "report.pdf"), *pinned, "--at", AT, *words])


BOTH = ("--signer", "Vera Validator", "--signer", "Otto Officer")


def test_a_report_signed_by_two_is_genuine(folder, capsys):
    assert ask(folder, revisions()[1], *BOTH) == 0
    shown = capsys.readouterr().out
    assert "genuine report" in shown
    assert "signatures   2" in shown
    assert "Vera Validator" in shown
    assert "approved" in shown
    assert "warning" not in shown


def test_a_fingerprint_names_a_signer(folder):
    print_of = party("Vera Validator", root())[0].fingerprint(hashes.SHA256()).hex()
    assert ask(folder, revisions()[0], "--signer", f"sha256:{print_of}") == 0
    assert ask(folder, revisions()[0], "--signer", "sha256:" + "0" * 64) == 1


def test_a_changed_byte_is_refused(folder, capsys):
    assert ask(folder, revisions()[1].replace(b"BT ET", b"BT eT", 1)) == 1
    assert "covers was changed" in capsys.readouterr().out


def test_a_page_replaced_by_an_appended_revision_is_refused(folder, capsys):
    writer = IncrementalPdfFileWriter(io.BytesIO(revisions()[1]))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT (approved) Tj ET"))
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    assert ask(folder, out.getvalue(), *BOTH) == 1
    assert "changed after signature 1" in capsys.readouterr().out


def test_a_signature_cut_off_is_missed(folder, capsys):
    first = revisions()[0]
    assert ask(folder, first, *BOTH) == 1
    assert "Otto Officer did not sign: expected 2 signers, found 1" in capsys.readouterr().out
    assert ask(folder, first) == 0
    assert "--signer would show that a signature was cut off" in capsys.readouterr().out


def test_somebody_who_was_not_expected_is_refused(folder, capsys):
    assert ask(folder, revisions()[1], "--signer", "Vera Validator") == 1
    assert "Otto Officer signed, who was not expected to" in capsys.readouterr().out


def test_a_namesake_under_another_root_is_refused(folder, capsys):
    other = root("Another Root")
    forged = signed_by(blank(), "validator", party("Vera Validator", other), other, first=True)
    assert ask(folder, forged, "--signer", "Vera Validator") == 1
    assert "not under a trusted certificate" in capsys.readouterr().out


def test_certificates_of_the_file_itself_prove_nothing(folder, capsys):
    assert ask(folder, revisions()[1], *BOTH, keys=False) == 1
    assert "NOT PINNED" in capsys.readouterr().out
    assert ask(folder, revisions()[1], *BOTH, "--trust-embedded", keys=False) == 0


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n%%EOF\n", b"%PDF-" + b"x" * 2000])
def test_a_damaged_pdf_is_refused(folder, capsys, data):
    assert ask(folder, data) == 1
    assert "The PDF is damaged" in capsys.readouterr().out


def test_an_unsigned_pdf_is_refused(folder, capsys):
    assert ask(folder, blank()) == 1
    assert "bears no signature" in capsys.readouterr().out


def test_a_cut_file_is_refused(folder):
    whole = revisions()[1]
    for end in (len(whole) - 5, len(whole) // 2, len(revisions()[0]) + 100):
        assert ask(folder, whole[:end], *BOTH) == 1
