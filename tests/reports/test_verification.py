"""Files that somebody brings: S01, S02 and their kin are refused, each with its reason."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from apps.inventory import store
from apps.reports import pades, queries
from apps.reports.commands import archive_report
from apps.reports.verification import examine_file, verify_report
from tests import database, factories
from tests.flows import bank
from tests.reports.test_signing import sign

pytestmark = [pytest.mark.usefixtures("small_bank"), pytest.mark.slow]


@pytest.fixture
def report() -> Any:
    return bank.reported(bank.granted(), signers=(factories.validator(), factories.risk_officer()))


def revised(pdf: bytes, change: Any) -> bytes:
    """The PDF with one more revision, of nobody's."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def other_page(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT (approved) Tj ET"))
    writer.update_container(page)


def other_attachment(writer: IncrementalPdfFileWriter) -> None:
    specification = writer.root["/AF"][0]
    specification["/EF"]["/F"] = writer.add_object(generic.StreamObject(stream_data=b"{}"))
    writer.update_container(specification["/EF"])


def refused(data: bytes) -> str:
    found = examine_file(data)
    assert not found.genuine
    return found.sentence


def test_the_newest_revision_is_genuine(report: Any) -> None:
    for _ in range(2):
        found = examine_file(queries.report_pdf(report))
        assert found.genuine, found.sentence
        assert [s.name for s in found.signatures] == [s.person.name for s in report.signatures.all()]
        assert all(s.stamped and not s.wrong for s in found.signatures)
        archive_report(by=bank.WORKER, report=report)


def test_a_changed_byte(report: Any) -> None:
    pdf = queries.report_pdf(report)
    place = len(report.blob.digest) + 2000
    told = refused(pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :])
    assert "not a file that this service sealed" in told
    assert "was changed" in told or "damaged" in told


def test_a_changed_meaning(report: Any) -> None:
    pdf = queries.report_pdf(report)
    assert b"validated" in pdf
    told = refused(pdf.replace(b"/Reason (validated)", b"/Reason (rejected!)"))
    assert "not a file that this service sealed" in told


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf is not installed")
def test_a_file_written_anew(report: Any, tmp_path: Path) -> None:
    (tmp_path / "in.pdf").write_bytes(queries.report_pdf(report))
    subprocess.run(["qpdf", "in.pdf", "out.pdf"], cwd=tmp_path, check=True)
    found = examine_file((tmp_path / "out.pdf").read_bytes())
    assert not found.genuine
    assert "damaged" in found.sentence or "changed" in found.sentence


def test_the_second_signature_cut_off(report: Any) -> None:
    first = report.signatures.first()
    with store.open(first.after_id) as file:
        told = refused(file.read())
    assert "expected 2 signers, found 1" in told


@pytest.mark.parametrize("change", [other_page, other_attachment])
def test_a_revision_of_nobodys(report: Any, change: Any) -> None:
    told = refused(revised(queries.report_pdf(report), change))
    assert "bytes were added that nobody here signed" in told
    assert "changed after signature 1" in told


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler is not installed")
def test_a_second_opinion(report: Any, tmp_path: Path) -> None:
    """Poppler knows neither our root nor revisions; what it can see, it must accept."""
    (tmp_path / "in.pdf").write_bytes(queries.report_pdf(report))
    said = subprocess.run(["pdfsig", "in.pdf"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stdout.count("Signature Validation: Signature is Valid.") == 2
    assert said.stdout.count("ETSI.CAdES.detached") == 2


def test_somebody_elses_pdf(report: Any) -> None:
    for data in (b"", b"nonsense", b"%PDF-1.7\n" + b"x" * 5000):
        assert "not a file that this service sealed" in refused(data)


def test_a_time_that_was_claimed_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signer's clock 6 minutes ahead, the authority's right."""
    report = bank.reported(bank.granted())
    real = pades.sign

    def ahead(pdf: bytes, **given: Any) -> bytes:
        from pyhanko.sign.signers import pdf_cms, pdf_signer

        class Later(pdf_signer.datetime):  # type: ignore[misc, name-defined]
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return timezone.now().astimezone(tz) + timedelta(minutes=6)

        for module in (pdf_cms, pdf_signer):
            if hasattr(module, "datetime"):
                monkeypatch.setattr(module, "datetime", Later)
        return real(pdf, **given)

    monkeypatch.setattr(pades, "sign", ahead)
    sign(report, factories.validator())
    assert "5 minutes or more apart" in verify_report(report).sentence


def test_a_record_that_was_tampered_with_does_not_decide(report: Any) -> None:
    """Whoever rules the database puts another fingerprint where the signer's stood."""
    with database.as_role("owner"), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE reports_reportsignature DISABLE TRIGGER written_once")
        cursor.execute("UPDATE reports_reportsignature SET certificate_sha256 = repeat('0', 64)")
    assert "not what was sealed" in verify_report(report).sentence


def test_the_page_answers_anybody(report: Any) -> None:
    client = Client()
    page = client.get("/verify")
    assert page.status_code == 200
    sent = SimpleUploadedFile("r.pdf", queries.report_pdf(report), "application/pdf")
    told = client.post("/verify", {"file": sent}).content.decode()
    assert "genuine</span> 2 signatures intact" in told
    assert client.post("/verify", {}).status_code == 422
    told = client.post("/verify", data=b"x", content_type="application/pdf", CONTENT_LENGTH=str(10**10))
    assert told.status_code == 413


def test_the_api_answers_anybody(report: Any) -> None:
    def ask(data: bytes, **more: Any) -> Any:
        return Client().post("/api/v1/verify", data, content_type="application/pdf", **more)

    answer = ask(queries.report_pdf(report)).json()
    assert answer["genuine"] is True
    assert [one["holds"] for one in answer["signatures"]] == [True, True]
    assert ask(b"%PDF-nonsense").json()["genuine"] is False
    assert ask(b"", CONTENT_LENGTH=str(10**10)).status_code == 413
    assert Client().post("/api/v1/verify", b"{}", content_type="application/json").status_code == 415
