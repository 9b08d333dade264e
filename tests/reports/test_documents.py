"""Reports of every kind: asked for, made once, sealed, every number with where it comes from."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from apps.approvals.commands import challenge, comment
from apps.approvals.models import Approval
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.models import Event
from apps.audit.queries import read_statement
from apps.deploys.commands import ask_to_break_glass, bind_model, break_glass
from apps.deploys.models import RegistryEntry
from apps.reports import drawing, kinds, queries
from apps.reports.challenges import find_about
from apps.reports.commands import ask_report, make_asked, make_document, make_report
from apps.reports.documents import Document, Section, Table, number, words
from apps.reports.facts import readable_statement
from apps.reports.kinds.weaknesses import limits_table, permitted
from apps.reports.laying import bars_of
from apps.reports.models import Report
from apps.reports.snapshots import document_of
from apps.reports.states import ReportKind
from apps.reports.templates import rendered
from apps.reports.verification import verify_report
from tests import factories
from tests.flows import bank
from tests.integrations.site import made

pytestmark = pytest.mark.usefixtures("small_bank")
PERIOD = {"since": "2026-01-01T00:00:00+00:00", "until": "2030-01-01T00:00:00+00:00"}


def content(kind: str, **given: Any) -> Document:
    given = {"version": None, "scope": {}, "by": factories.risk_officer(), **given}
    return kinds.content(kind, now=timezone.now(), **given)


def page_of(report: Report) -> str:
    return queries.report_page(report).decode()


def text_of(document: Document) -> str:
    return json.dumps(document.as_json(), default=str)


def test_a_dossier_tells_what_is_on_record() -> None:
    version = bank.granted().version
    found = content(ReportKind.DOSSIER, version=version)
    told = text_of(found)
    assert version.digest in told
    assert "I looked at every gate." in told
    numbers = [c for s in found.sections for t in s.tables for row in t.rows for c in row if c.number]
    assert numbers
    assert all(cell.provenance for cell in numbers)
    measured = [c for c in numbers if c.provenance == "measured" and c.text != "–"]
    assert measured
    assert {c.evidence for c in measured} <= set(found.statements)


def test_what_was_said_of_a_version_stands_in_full_in_its_dossier_and_its_validation_report() -> None:
    approval, validator = bank.submitted(), factories.validator()
    about = find_about(validator, "decision", approval.decision.statement_digest)
    row = challenge(by=validator, about=about, text="Why, @dev?", said="question")
    comment(by=validator, approval=approval, text="Which year?")
    told = text_of(content(ReportKind.DOSSIER, version=approval.version))
    for words_said in (f"Why, @{factories.developer().name}?", row.statement_digest, "Which year?"):
        assert words_said in told
    report = make_report(by=bank.WORKER, approval=approval)
    printed = "".join(p.extract_text() for p in PdfReader(io.BytesIO(queries.report_pdf(report))).pages)
    assert "Which year?" in printed
    assert f"@{factories.developer().name}" in printed


def test_how_many_runs_came_before_a_version_stands_in_both_as_the_registry_told_it() -> None:
    approval = bank.submitted()
    version, admin = approval.version, factories.administrator()
    row = made("mlflow", hosts="http://127.0.0.1:9=127.0.0.0/8", base="http://127.0.0.1:9").row
    entry = RegistryEntry(integration=row, name="credit-pd", number="7", digest=version.digest)
    entry.said = {"run": {"id": "a"}, "runs_before": "300 or more"}
    entry.save()
    assert "Runs before it" not in text_of(content(ReportKind.DOSSIER, version=version))  # bound to nothing

    bind_model(by=admin, integration=row, model=version.model, environment=bank.production())
    identity = content(ReportKind.DOSSIER, version=version).sections[0].tables[0]
    cell = {line[0].text: line[1] for line in identity.rows}["Runs before it (our-mlflow, credit-pd/7)"]
    assert (cell.text, cell.provenance) == ("300 or more earlier runs in its experiment", "self-reported")
    report = make_report(by=bank.WORKER, approval=approval)
    printed = "".join(p.extract_text() for p in PdfReader(io.BytesIO(queries.report_pdf(report))).pages)
    assert "300 or more earlier runs in its experiment self-reported by our-mlflow, credit-pd/7" in printed


def test_annex_iv_names_what_is_missing() -> None:
    summary = content(ReportKind.ANNEX_IV, version=bank.version()).summary
    assert "6 of 9 sections" in summary[0] or "5 of 9 sections" in summary[0]
    assert any("8. EU declaration of conformity" in s for s in summary)


def test_a_bias_audit_without_its_measurements_is_refused() -> None:
    with pytest.raises(Refused, match="No impact ratio"):
        content(ReportKind.BIAS_AUDIT, version=bank.version())


def test_reports_over_many_models() -> None:
    bank.finding(bank.version())
    told = text_of(content(ReportKind.PORTFOLIO))
    assert "credit-pd" in told
    assert "1 finding is open" in told
    assert "credit-pd" in text_of(content(ReportKind.ATTESTATIONS, scope=PERIOD))
    assert "Validator" in text_of(content(ReportKind.ACCESS_REVIEW))
    told = text_of(content(ReportKind.COVERAGE, scope={"framework": "us-sr26-2"}))
    assert "controls of" in told


@pytest.mark.slow
def test_it_is_made_once_from_the_row_and_verified() -> None:
    request = ask_report(by=factories.validator(), kind="dossier", version=bank.version())
    assert list(queries.waiting_requests()) == [request]
    assert make_asked(by=bank.WORKER) == 0
    report = make_document(by=bank.WORKER, request=request)
    assert make_document(by=bank.WORKER, request=request) == report
    assert verify_report(report).genuine
    pdf = PdfReader(io.BytesIO(queries.report_pdf(report)))
    attached = json.loads(pdf.attachments["evidence.json"][0])
    assert attached["title"] == "Model dossier"
    assert "page 1 of" in pdf.pages[0].extract_text()
    with zipfile.ZipFile(io.BytesIO(queries.report_docx(report))) as copy:
        text = ElementTree.fromstring(copy.read("word/document.xml"))  # noqa: S314 - our own
        pictures = [name for name in copy.namelist() if name.startswith("word/media/")]
    assert report.blob_id in "".join(text.itertext())
    assert len(pictures) == page_of(report).count("<svg") > 0
    page = page_of(report)
    assert "In plain words" in page
    assert "file://" not in page


def test_what_cannot_be_made_says_why() -> None:
    request = ask_report(by=factories.validator(), kind="bias-audit", version=bank.version())
    assert make_document(by=bank.WORKER, request=request) is None
    assert "No impact ratio" in queries.asked_by(factories.validator())[0].refusal.why
    for action in ("report.asked", "report.refused"):
        assert Event.objects.filter(action=action).count() == 1


def test_who_may_ask_for_what() -> None:
    with pytest.raises(Forbidden):
        ask_report(by=factories.developer(), kind="dossier", version=bank.version())
    with pytest.raises(Forbidden):
        ask_report(by=factories.developer(), kind="portfolio")
    with pytest.raises(Forbidden):
        ask_report(by=factories.validator(), kind="access-review")
    with pytest.raises(Invalid, match="no kind of report"):
        ask_report(by=factories.validator(), kind="novel")
    with pytest.raises(Invalid, match="which version"):
        ask_report(by=factories.validator(), kind="dossier")
    scope = {"since": "2026-02-01", "until": "2026-01-01"}
    with pytest.raises(Invalid, match="begins before it ends"):
        ask_report(by=factories.risk_officer(), kind="attestations", scope=scope)
    with pytest.raises(Invalid, match="is no day"):
        ask_report(by=factories.risk_officer(), kind="attestations", scope={"since": "soon"})


@pytest.mark.slow
def test_a_report_over_many_is_seen_by_whoever_asked_and_by_readers_of_the_trail() -> None:
    asked = ask_report(by=factories.risk_officer(), kind="portfolio")
    report = make_document(by=bank.WORKER, request=asked)
    assert queries.find_report(factories.risk_officer(), report.pk) == report
    with pytest.raises(NotFound):
        queries.find_report(factories.developer(), report.pk)
    client = Client()
    client.force_login(factories.risk_officer())
    for path in ("/reports", f"/reports/{report.pk}", f"/reports/{report.pk}/page.html"):
        assert client.get(path).status_code == 200, path
    assert "Portfolio report" in client.get("/reports").content.decode()
    told = client.post("/reports/ask", {"kind": "coverage", "framework": "us-sr26-2"})
    assert told.status_code == 302
    assert Report.objects.count() == 1


@pytest.mark.slow
def test_a_report_over_many_is_sealed_without_names_before_it_is_drawn() -> None:
    zenobia = factories.person("zenobia", "developer")
    asked = ask_report(by=factories.risk_officer(), kind="access-review")
    report = make_document(by=bank.WORKER, request=asked)
    assert report is not None
    sealed = asked.snapshot.statement_digest
    said = json.dumps(read_statement(sealed)["predicate"])
    assert zenobia.name not in said
    assert f'"person": "{zenobia.pk}"' in said
    assert sealed in read_statement(report.statement_digest)["predicate"]["evidence"]
    page = queries.report_page(report).decode()
    assert zenobia.name in page
    assert f"/api/v1/statements/{sealed}" in page
    assert readable_statement(factories.risk_officer(), sealed)
    assert not readable_statement(factories.developer(), sealed)
    assert Event.objects.filter(action="snapshot.sealed").count() == 1


def test_every_entry_of_a_portfolio_names_a_statement() -> None:
    bank.decided(bank.version())
    asked = ask_report(by=factories.risk_officer(), kind="portfolio")
    make_document(by=bank.WORKER, request=asked)
    said = read_statement(asked.snapshot.statement_digest)["predicate"]["report"]
    found = document_of(said, asked.snapshot.statement_digest)
    cells = [cell for s in found.sections for t in s.tables for row in t.rows for cell in row]
    assert all(cell.evidence for cell in cells)
    own = {cell.evidence for cell in cells} - {asked.snapshot.statement_digest}
    assert bank.decided(bank.version()).statement_digest in own


def sample(text: str) -> dict[str, Any]:
    table = Table("T", ("a",), [[words(text), number(1.5, "measured", "sha256:" + "0" * 64)]])
    return {"document": {"title": text, "summary": [text], "sections": [Section(text, [text], [table])]}}


def test_a_template_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "REPORT_TEMPLATES", tmp_path)
    (tmp_path / "head.html").write_text("<h1>{{ document.title }}</h1>")
    (tmp_path / "document.html").write_text('{% include "head.html" %}')
    assert rendered("document.html", sample("<b>")) == "<h1>&lt;b&gt;</h1>"


@pytest.mark.parametrize(
    "source",
    [
        "{% load static %}",
        '{% include "../../secret.html" %}',
        '{% include "/etc/passwd" %}',
        '{% extends "reports/validation.html" %}',
        "{% url 'x' %}",
        "{% for a in document.summary %}",
        "x" * ((256 << 10) + 1),
    ],
)
def test_a_template_reaches_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr(configured, "REPORT_TEMPLATES", tmp_path / "own")
    (tmp_path / "own").mkdir()
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "own" / "document.html").write_text(source)
    with pytest.raises(Refused, match="cannot be used"):
        rendered("document.html", sample("x"))


def test_a_template_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "REPORT_TEMPLATES", tmp_path)
    monkeypatch.setattr("apps.reports.templates.PATIENCE_S", 0.3)
    loop = '{% for a in "x"|ljust:"9999" %}'
    (tmp_path / "document.html").write_text(loop * 3 + "x" + "{% endfor %}" * 3)
    with pytest.raises(Refused, match="longer than"):
        rendered("document.html", sample("x"))


@pytest.mark.slow
def test_a_page_of_ones_own_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "REPORT_TEMPLATES", tmp_path)
    hostile = '<link rel="attachment" href="file:///etc/passwd"><img src="file:///etc/passwd">'
    (tmp_path / "document.html").write_text(f"<html><body>{hostile}{{{{ document.title }}}}</body></html>")
    made = drawing.draw_document(Document("T", "a", ["s"], []), made_at=timezone.now())
    assert list(PdfReader(io.BytesIO(made.pdf)).attachments) == ["evidence.json"]
    assert b"root:x:0" not in made.pdf


def test_a_column_of_numbers_is_drawn_as_bars_in_the_pdf_and_on_the_page() -> None:
    rows = [[words(name), number(value, "counted")] for name, value in (("A & <b>", 4), ("B", 0.5))]
    table = Table("Models by tier", ("Tier", "Models"), rows, drawn="Models")
    made = drawing.draw_document(
        Document("Report", "about", ["One."], [Section("Counted", [], [table])]), made_at=timezone.now()
    )
    assert made.page.count("<svg") == 1
    assert "A &amp; &lt;b&gt;" in made.page
    assert "picture:" not in made.page
    assert len(made.pdf) > 10_000
    assert bars_of(Table("None", ("Tier", "Models"), rows[:1], drawn="Models")) is None


def test_emergency_releases_stand_in_every_report_that_they_concern() -> None:
    version = bank.granted().version
    asker, other = factories.risk_officer(), factories.head()
    request = ask_to_break_glass(
        by=asker,
        version=version,
        use=bank.use_of(version),
        environment=bank.production(),
        minutes=30,
        reason="Payments stand still.",
        ticket="INC-7",
        reauthenticated_at=timezone.now(),
    )
    assert "No version ran without" in text_of(content(ReportKind.ATTESTATIONS, scope=PERIOD))
    given = break_glass(by=other, request=request, reauthenticated_at=timezone.now())
    for kind, more in (
        (ReportKind.DOSSIER, {"version": version}),
        (ReportKind.ATTESTATIONS, {"scope": PERIOD}),
        (ReportKind.ACCESS_REVIEW, {}),
        (ReportKind.PORTFOLIO, {}),
    ):
        found = content(kind, **more)
        told = text_of(found)
        assert any("1 emergency release" in sentence for sentence in found.summary)
        for said in ("INC-7: Payments stand still.", asker.name, other.name, given.statement_digest):
            assert said in told


def test_a_dossier_tells_limits_and_findings_in_full() -> None:
    approval = bank.submitted()
    version = approval.version
    row = bank.finding(version)
    told = text_of(content(ReportKind.DOSSIER, version=version))
    for said in (row.title, row.owner.name, "No approval of it holds"):
        assert said in told
    granted = Approval(
        use=approval.use,
        state="granted",
        expires_at=timezone.now() + timedelta(days=9),
        limits={"environments": ["staging"], "note": "No loans above 5,000."},
        statement_digest="sha256:" + "1" * 64,
    )
    lines = limits_table([granted], timezone.now()).rows
    assert [line[2].text for line in lines] == ["staging", "No loans above 5,000."]
    assert all(cell.provenance == "sealed" for line in lines for cell in line)
    assert "within 2 limits" in permitted([granted], timezone.now())[0]
