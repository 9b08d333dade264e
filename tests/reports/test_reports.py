"""Reports: made once from statements, signed in line, refused when a byte changes."""

from __future__ import annotations

import io
import json

import pytest
from pypdf import PdfReader

from apps.approvals import commands as approvals
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.inventory.store import the_store
from apps.reports import queries
from apps.reports.commands import make_report, request_report, sign_report
from apps.reports.models import Report
from apps.reports.verification import verify_report
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def sign(report: Report, by, **changes):
    given = {
        "meaning": "validated",
        "shown_digest": queries.newest_blob(report).digest,
        "reauthenticated_at": bank.timezone.now(),
        **changes,
    }
    return sign_report(by=by, report=report, **given)


def test_it_is_made_once_and_names_its_statements() -> None:
    approval = bank.submitted()
    first = make_report(by=bank.WORKER, approval=approval)
    assert make_report(by=bank.WORKER, approval=approval) == first
    data = queries.report_pdf(first)
    assert data.startswith(b"%PDF-")
    attached = PdfReader(io.BytesIO(data)).attachments
    statements = json.loads(attached["evidence.json"][0])["statements"]
    assert approval.decision.statement_digest in statements
    assert len(statements) == 1 + approval.decision.run.evidence.count()
    assert verify_report(first).genuine


def test_a_reopened_review_gets_a_report_of_its_own() -> None:
    approval = bank.submitted()
    make_report(by=bank.WORKER, approval=approval)
    bank.signed(approval, factories.validator(), "return")
    bank.signed(approval, factories.risk_officer())
    bank.measured(approval.version)
    approval.refresh_from_db()
    approval = approvals.reopen(by=factories.developer(), approval=approval, reason="Measured anew.")
    assert list(queries.awaited_reports()) == [approval]
    make_report(by=bank.WORKER, approval=approval)
    assert Report.objects.count() == 2
    assert not queries.awaited_reports().exists()


def test_who_signs_and_how() -> None:
    report = bank.reported(bank.granted())
    with pytest.raises(Forbidden, match="Only a risk-officer or validator"):
        sign(report, factories.developer())
    with pytest.raises(Refused, match="password"):
        sign(report, factories.validator(), reauthenticated_at=None)
    with pytest.raises(Invalid, match="is no meaning"):
        sign(report, factories.validator(), meaning="liked")
    with pytest.raises(Refused, match="newest revision"):
        sign(report, factories.validator(), shown_digest="sha256:" + "0" * 64)
    sign(report, factories.validator())
    with pytest.raises(Refused, match="signed this report already"):
        sign(report, factories.validator())
    with pytest.raises(Refused, match="Every place for your role"):
        sign(report, factories.person("val-b", "validator"))


def test_each_signature_only_appends() -> None:
    report = bank.reported(bank.granted())
    before = queries.report_pdf(report)
    for by in (factories.validator(), factories.risk_officer()):
        sign(report, by)
        after = queries.report_pdf(report)
        assert after.startswith(before)
        assert verify_report(report).genuine
        before = after


def test_a_changed_file_is_told_not_shown() -> None:
    report = bank.reported(bank.granted(), signers=(factories.validator(),))
    path = the_store().path(queries.newest_blob(report).digest)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-20] + b"0" + data[-19:])
    try:
        assert not verify_report(report).genuine
        with pytest.raises((NotFound, Refused)):
            queries.report_pdf(report)
    finally:
        path.write_bytes(data)


def test_a_worker_is_told_only_by_those_who_may() -> None:
    with pytest.raises(Forbidden):
        request_report(by=factories.developer(), approval=bank.submitted())
