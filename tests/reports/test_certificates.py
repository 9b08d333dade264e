"""Signers' certificates: withdrawn by an administrator, kept in hardware where the service's keys are."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pyhanko.pdf_utils.reader import PdfFileReader

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from apps.engine.errors import BadInput
from apps.engine.keys import KeySet
from apps.engine.revocation import withdrawn_by
from apps.engine.verified import Question
from apps.engine.verify_pdf import judge_report
from apps.reports import certificates, pades, queries
from apps.reports.commands import archive_report, revoke_certificate
from apps.reports.models import CertificateRevocation, Report
from apps.reports.verification import pinned, verify_report
from tests import factories
from tests.audit.test_keys_hardware import MODULE, needs_token, softhsm
from tests.flows import bank
from tests.reports.test_signing import sign

__all__ = ["softhsm"]
pytestmark = [pytest.mark.usefixtures("small_bank"), pytest.mark.slow]


def withdrawn(**changes: Any) -> CertificateRevocation:
    """Some seconds after whatever was signed: a list counts whole ones, and one too early is refused."""
    time.sleep(1.1)
    given = {"person": factories.validator(), "cause": "compromised", "reason": "A laptop was stolen."}
    return revoke_certificate(by=factories.administrator(), **{**given, **changes})


@pytest.fixture
def report() -> Report:
    return bank.reported(bank.granted(), signers=(factories.validator(),))


def test_what_was_signed_before_stays_good_and_what_follows_is_signed_with_a_new_key(report: Report) -> None:
    row = withdrawn()
    assert row.certificate_sha256 == report.signatures.get().certificate_sha256
    assert Event.objects.filter(action="certificate.revoked").count() == 1
    assert verify_report(report).genuine
    assert certificates.held_by(factories.validator()) is None
    assert certificates.signer_for(factories.validator()).sha256 != row.certificate_sha256
    sign(report, factories.risk_officer())
    archive_report(by=bank.WORKER, report=report)
    assert verify_report(report).genuine


def test_a_signature_made_after_the_withdrawal_is_refused() -> None:
    report = bank.reported(bank.granted())
    stolen = certificates.signer_for(factories.validator())
    withdrawn()
    time.sleep(1.1)  # a list counts whole seconds
    words = pades.Words(field=queries.seats(report.approval)[0], meaning="validated", role="validator")
    pdf = pades.sign(queries.report_pdf(report), words=words, identity=stolen, at=timezone.now(), first=True)
    found = judge_report(pdf, Question(at=timezone.now(), keys=pinned()))
    assert "after its certificate was withdrawn on" in found.wrong
    without = KeySet((), pinned().certificates, pinned().authorities)
    assert not judge_report(pdf, Question(at=timezone.now(), keys=without)).wrong


def test_the_list_inside_an_archived_report_counts_only_under_its_issuer(report: Report) -> None:
    row = withdrawn()
    sign(report, factories.risk_officer())
    archive_report(by=bank.WORKER, report=report)
    reader = PdfFileReader(io.BytesIO(queries.report_pdf(report)))
    (inside,) = (one.get_object().data for one in reader.root["/DSS"]["/CRLs"])
    issuers = reader.embedded_regular_signatures[0].other_embedded_certs
    assert list(withdrawn_by(issuers, inside=[inside])) == [int(row.serial, 16)]
    assert withdrawn_by([], inside=[inside, b"no list"]) == {}
    with pytest.raises(BadInput, match="not signed by a pinned issuer"):
        withdrawn_by([], pinned=[certificates.revocation_pem()])


def test_who_may_withdraw_what(report: Report) -> None:
    with pytest.raises(Forbidden):
        revoke_certificate(by=factories.head(), person=factories.validator(), cause="left", reason="x")
    with pytest.raises(Refused, match="has no certificate"):
        withdrawn(person=factories.developer())
    with pytest.raises(Invalid, match="choose compromised, left, replaced, ended"):
        withdrawn(cause="whim")
    with pytest.raises(Invalid, match="is empty"):
        withdrawn(reason=" ")
    withdrawn()
    with pytest.raises(Refused, match="has no certificate"):
        withdrawn()


def test_by_the_page_and_by_the_command_line(report: Report) -> None:
    client, path = Client(), "/reports/certificates"
    client.force_login(factories.administrator())
    assert report.signatures.get().certificate_sha256 in client.get(path).content.decode()
    told = {"cause": "left", "reason": "Gone since Monday."}
    assert client.post(f"{path}/{factories.validator().pk}/revoke", told).status_code == 302
    assert "Gone since Monday." in client.get(path).content.decode()
    names = [factories.validator().username, "--by", factories.administrator().username]
    with pytest.raises(CommandError, match="has no certificate"):
        call_command("revoke_signer", *names, "--cause", "left", "--reason", "x")
    certificates.signer_for(factories.validator())
    out = io.StringIO()
    call_command("revoke_signer", *names, "--cause", "left", "--reason", "x", stdout=out)
    assert "counts no more since" in out.getvalue()
    client.force_login(factories.validator())
    assert client.get(path).status_code == 403


@pytest.fixture
def token(softhsm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signers' keys in the token; the service's own were made in files when the bank was built."""
    monkeypatch.setattr(certificates, "_in_hardware", lambda: True)
    told = {"PKCS11_MODULE": MODULE, "PKCS11_TOKEN": "countersign", "PKCS11_PIN_FILE": str(softhsm)}
    for name, value in told.items():
        monkeypatch.setattr(settings, name, value, raising=False)


def test_what_an_authority_before_this_one_certified_stays_good(report: Report) -> None:
    assert verify_report(report).genuine
    former = certificates.authority_pem()
    for path in (Path(settings.STATE) / "keys" / "reports").glob("authority.p*"):
        path.unlink()
    assert certificates.authority_pem() != former
    assert certificates.authorities_pem()[1:] == [former]
    assert verify_report(report).genuine


@needs_token
@pytest.mark.usefixtures("token")
def test_keys_of_signers_stay_in_the_token() -> None:
    report = bank.reported(bank.granted(), signers=(factories.validator(),))
    assert verify_report(report).genuine
    folder = Path(settings.STATE) / "keys" / "reports"
    kept = [path for path in folder.iterdir() if path.suffix == ".pkcs11"]
    assert {path.stem for path in kept} == {"authority", f"person-{factories.validator().pk}"}
    assert all(b"PRIVATE" not in path.read_bytes() for path in kept)
    identity = certificates.signer_for(factories.validator())
    with pytest.raises(NotImplementedError, match="stays in the token"):
        identity.key.private_numbers()
    assert withdrawn().certificate_sha256 == identity.sha256
    assert verify_report(report).genuine
    with pytest.raises(Refused, match="has no signer's key"):
        certificates.hardware.found(identity.key.ident)
