"""Signatures inside the reports of a pack, judged by both verifiers."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from apps.cli.main import main as program
from apps.engine.keys import KeySet
from tests.verifier import signed
from tests.verifier.both import verifier, withdrawn
from tests.verifier.making import Making, key_set
from tests.verifier.signed import identity, revisions, signed_by, told

pytestmark = pytest.mark.slow


def ask(made: Making, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, int, str, str]:
    (folder / "keys.json").write_text(json.dumps(made.keys.as_json()))
    place = str(made.write(folder / "pack.zip"))
    at = (datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds")
    words = [place, "--keys", str(folder / "keys.json"), "--at", at]
    one = verifier(words)
    first = capsys.readouterr().out
    return one, program(["verify", *words]), first, capsys.readouterr().out


def whole(last: bytes | None = None) -> Making:
    first, second, kept = revisions()
    steps = ((first, identity("Vera")), (second, identity("Rob")), (kept, None))
    return told(Making(), *steps, last=last)


def test_every_signature_of_a_report_holds_and_is_counted(tmp_path: Path, capsys) -> None:
    one, other, first, second = ask(whole(), tmp_path, capsys)
    assert (one, other) == (0, 0), (first, second)
    assert "signatures   2 hold and reach to the last byte" in first
    assert "signatures   2 in 1 reports hold" in second


def test_without_certificates_the_signatures_are_called_unchecked(tmp_path: Path, capsys) -> None:
    made = whole()
    made.keys = key_set()
    one, other, first, second = ask(made, tmp_path, capsys)
    assert (one, other) == (0, 0)
    assert "2 told, NOT CHECKED" in first
    assert "2 told; inside the files NOT CHECKED" in second


def appended() -> Making:
    return whole(revisions()[2] + b"\n1 0 obj\n<<>>\nendobj\n")


def flipped() -> Making:
    data = bytearray(revisions()[2])
    data[data.index(b"/MediaBox") + 12] ^= 1
    return whole(bytes(data))


def cut_off() -> Making:
    return whole(revisions()[0] + b"\n")


def archive_cut_off() -> Making:
    """The archive's stamp is gone; the signatures of the file are those that were told."""
    return whole(revisions()[1] + b"%")


def another_signer() -> Making:
    first = revisions()[0]
    forged = signed_by(first, identity("Mallory"), seat=signed.SEATS[1])
    return told(Making(), (first, identity("Vera")), (forged, identity("Rob")))


def another_issuer() -> Making:
    forged = signed_by(signed.blank(), identity("Vera", "Other CA"))
    return told(Making(), (forged, identity("Vera", "Other CA")))


def unsigned() -> Making:
    return told(Making(), (signed.blank(), identity("Vera")), last=signed.blank() + b"\n")


FORGERIES = {
    "something appended": (appended, "appended after the last signature"),
    "a byte of the page": (flipped, "is of something else than what stands beside it"),
    "the second signature cut off": (cut_off, "Expected 2 signatures, found 1"),
    "a byte in place of the archive": (archive_cut_off, "appended after the last signature"),
    "somebody else in a signer's place": (another_signer, "is not by the certificate"),
    "an issuer that nobody gave": (another_issuer, "is not under a certificate that was given"),
    "no signature at all": (unsigned, "Expected 1 signatures, found 0"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_report_that_is_not_what_was_signed_is_named_by_both(tmp_path: Path, capsys, name: str) -> None:
    make, sentence = FORGERIES[name]
    one, other, first, second = ask(make(), tmp_path, capsys)
    assert (one, other) == (1, 1), (first, second)
    assert "reports/r-9.pdf: " in first
    assert sentence in first
    assert "reports/r-9.pdf: " in second


def test_a_stamp_of_an_authority_that_nobody_gave_proves_no_time(tmp_path: Path, capsys) -> None:
    made = whole()
    made.keys = KeySet(made.keys.records, made.keys.certificates, (signed.pem("Other CA"),))
    one, other, first, second = ask(made, tmp_path, capsys)
    assert (one, other) == (1, 1), (first, second)
    assert "The time stamp is not under a certificate that was given" in first


def list_of(name: str, since: datetime, by: str = "Bank Issuing CA") -> x509.CertificateRevocationList:
    """An issuer's list with the certificate of one signer."""
    key, above = signed.issuer(by)
    serial = identity(name).certificate.serial_number
    one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
    made = x509.CertificateRevocationListBuilder().issuer_name(above.subject).add_revoked_certificate(one)
    now = datetime.now(UTC)
    return made.last_update(now).next_update(now + timedelta(days=1)).sign(key, hashes.SHA256())


def pem_of(found: x509.CertificateRevocationList) -> str:
    return found.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(("hours", "code"), [(-1, 1), (1, 0)])
def test_a_signature_after_its_certificate_was_withdrawn_is_named_by_both(
    tmp_path: Path, capsys, hours: int, code: int
) -> None:
    made = whole()
    since = datetime.now(UTC) + timedelta(hours=hours)
    made.keys = replace(made.keys, revocations=(pem_of(list_of("Rob", since)),))
    one, other, first, second = ask(made, tmp_path, capsys)
    assert (one, other) == (code, code), (first, second)
    assert ("withdrawn on" in first, "withdrawn on" in second) == (bool(code), bool(code))


def test_a_list_of_nobody_who_was_given_is_refused(tmp_path: Path, capsys) -> None:
    made = whole()
    strange = pem_of(list_of("Rob", datetime.now(UTC), by="Another CA"))
    made.keys = replace(made.keys, revocations=(strange,))
    one, other, first, _ = ask(made, tmp_path, capsys)
    assert one == other == 1
    assert "not signed by" in first


def test_a_file_of_keys_in_pem_brings_its_lists(tmp_path: Path) -> None:
    text = signed.pem() + pem_of(list_of("Rob", datetime.now(UTC)))
    assert len(KeySet.from_pem(text.encode()).revocations) == 1
    assert len(withdrawn.lists_in_pem(text.encode())) == 1


@pytest.mark.parametrize("pack", [bytes, zlib.compress])
def test_a_list_inside_a_document_counts_under_its_issuer_alone(pack) -> None:
    data = list_of("Rob", datetime.now(UTC)).public_bytes(serialization.Encoding.DER)
    document = b"7 0 obj\nstream\n" + pack(data) + b"\nendstream stream\nnothing\nendstream"
    issuers = [signed.issuer("Bank Issuing CA")[1]]
    serial = identity("Rob").certificate.serial_number
    assert [number for _, number in withdrawn.of(issuers, [], document)] == [serial]
    assert withdrawn.of([signed.issuer("Another CA")[1]], [], document) == {}
