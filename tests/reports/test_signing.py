"""Signing in time: stamped at once, waiting where the authority is away, exactly once whatever dies."""

from __future__ import annotations

import io
import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone
from pyhanko.pdf_utils.reader import PdfFileReader

from apps.access.commands import disable_person
from apps.audit.authority import Server
from apps.audit.errors import Refused
from apps.audit.models import Event
from apps.reports import drawing, pades, queries, verification
from apps.reports.commands import (
    archive_due,
    archive_report,
    complete_signing,
    complete_waiting,
    make_report,
    sign_report,
)
from apps.reports.commands.archiving import AGAIN_AFTER
from apps.reports.guards import LAPSES_AFTER
from apps.reports.models import Report, ReportArchive, ReportSignature, SigningAct
from apps.reports.states import Standing
from tests import factories
from tests.flows import bank


def sign(report: Report, by: Any) -> ReportSignature | None:
    return sign_report(
        by=by,
        report=report,
        meaning="validated",
        shown_digest=queries.newest_blob(report).digest,
        reauthenticated_at=timezone.now(),
    )


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The authority is away; calling what is given brings it back."""
    former = configured.TEST_AUTHORITY
    monkeypatch.setattr(configured, "TEST_AUTHORITY", tmp_path / "authority")
    server = Server(tmp_path / "authority")
    server.server_close()
    return lambda: monkeypatch.setattr(configured, "TEST_AUTHORITY", former)


def number(action: str) -> int:
    return Event.objects.filter(action=action).count()


@pytest.mark.usefixtures("small_bank")
class TestInTime:
    def test_a_signature_carries_the_time_of_the_authority(self) -> None:
        report = bank.reported(bank.granted(), signers=(factories.validator(),))
        signature = report.signatures.get()
        assert abs(signature.stamped_at - timezone.now()) < timedelta(minutes=1)
        first = PdfFileReader(io.BytesIO(queries.report_pdf(report))).embedded_regular_signatures[0]
        assert first.docmdp_level.name == "FILL_FORMS"
        assert first.sig_object["/Reason"] == "validated"
        assert "signature_time_stamp_token" in [a["type"].native for a in first.signer_info["unsigned_attrs"]]

    def test_without_the_authority_a_signature_waits_and_no_other_appears(self, away: Any) -> None:
        """F22: the report stays as it is until the authority is back; no signature without a time appears."""
        report = bank.reported(bank.granted())
        before = queries.newest_blob(report)
        assert sign(report, factories.validator()) is None
        assert queries.standing_of(report) == Standing.AWAITING_TIMESTAMP
        assert queries.newest_blob(report) == before
        assert "cannot be reached" in queries.waiting_act(report).tries.get().why
        with pytest.raises(Refused, match="waits for its time stamp"):
            sign(report, factories.risk_officer())
        act = SigningAct.objects.get()
        assert complete_signing(by=bank.WORKER, act=act) is None
        assert act.tries.count() == 1
        away()
        signature = complete_signing(by=bank.WORKER, act=act)
        assert complete_signing(by=bank.WORKER, act=act) == signature
        assert (number("report.signed"), number("report.signing_waits")) == (1, 1)
        assert verification.verify_report(report).genuine
        assert sign(report, factories.risk_officer()) is not None
        assert number("report.signing_agreed") == 2

    def test_an_agreement_becomes_void_where_the_signer_leaves(self, away: Any) -> None:
        report = bank.reported(bank.granted())
        sign(report, factories.validator())
        act = SigningAct.objects.get()
        disable_person(by=factories.administrator(), person=factories.validator(), reason="left")
        away()
        act.refresh_from_db()
        assert complete_signing(by=bank.WORKER, act=SigningAct.objects.get()) is None
        assert "may no longer sign in" in act.end.why
        assert number("report.signing_ended") == 1
        assert queries.standing_of(report) == Standing.UNSIGNED

    def test_an_agreement_lapses(self, away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        report = bank.reported(bank.granted())
        sign(report, factories.validator())
        later = timezone.now() + LAPSES_AFTER + timedelta(minutes=1)
        monkeypatch.setattr("apps.reports.guards.timezone.now", lambda: later)
        away()
        assert complete_signing(by=bank.WORKER, act=SigningAct.objects.get()) is None
        assert "signs again" in SigningAct.objects.get().end.why

    def test_without_a_broker_the_sweep_sends_nothing_and_forgets_nothing(self, away: Any) -> None:
        report = bank.reported(bank.granted())
        sign(report, factories.validator())
        assert complete_waiting(by=bank.WORKER) == 0
        assert queries.waiting_act(report) is not None


@pytest.mark.usefixtures("small_bank")
class TestArchive:
    def test_a_complete_report_is_made_to_last(self) -> None:
        report = bank.reported(bank.granted(), signers=(factories.validator(), factories.risk_officer()))
        assert queries.standing_of(report) == Standing.COMPLETE
        signed = queries.report_pdf(report)
        archive = archive_report(by=bank.WORKER, report=report)
        assert archive_report(by=bank.WORKER, report=report) is None
        archived = queries.report_pdf(report)
        assert archived.startswith(signed)
        reader = PdfFileReader(io.BytesIO(archived))
        assert len(reader.root["/DSS"]["/CRLs"]) == 1
        assert len(reader.embedded_timestamp_signatures) == 1
        assert verification.verify_report(report).genuine
        assert number("report.archived") == 1
        assert archive_due(by=bank.WORKER) == 0
        assert queries.archivable(timezone.now() - AGAIN_AFTER) == []
        assert queries.archivable(archive.stamped_at + timedelta(seconds=1)) == [report]

    def test_a_year_later_it_is_stamped_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        report = bank.reported(bank.granted(), signers=(factories.validator(), factories.risk_officer()))
        archive_report(by=bank.WORKER, report=report)
        later = timezone.now() + AGAIN_AFTER + timedelta(days=1)
        monkeypatch.setattr("apps.reports.commands.archiving.timezone.now", lambda: later)
        archive_report(by=bank.WORKER, report=report)
        reader = PdfFileReader(io.BytesIO(queries.report_pdf(report)))
        assert len(reader.embedded_timestamp_signatures) == 2
        assert verification.verify_report(report).genuine

    def test_an_incomplete_report_is_not_archived(self) -> None:
        report = bank.reported(bank.granted(), signers=(factories.validator(),))
        with pytest.raises(Refused, match="everybody has signed"):
            archive_report(by=bank.WORKER, report=report)
        assert not ReportArchive.objects.exists()


def killed(work: Any) -> None:
    """Run it in a child that ends by SIGKILL."""
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def dying(function: Any) -> Any:
    """The function, and death just after it."""

    def die(*given: Any, **named: Any) -> None:
        function(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return die


@pytest.mark.usefixtures("fresh_bank")
class TestKilled:
    @pytest.mark.slow
    def test_between_the_key_and_the_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """F12: nothing half visible, and in the end exactly one signature and one event of it."""
        report = bank.reported(bank.granted())
        before = queries.newest_blob(report)
        with monkeypatch.context() as patch:
            patch.setattr(pades, "sign", dying(pades.sign))
            killed(lambda: sign(report, factories.validator()))
        assert queries.newest_blob(report) == before
        assert (number("report.signed"), ReportSignature.objects.count()) == (0, 0)
        complete_signing(by=bank.WORKER, act=queries.waiting_act(report))
        assert (number("report.signed"), ReportSignature.objects.count()) == (1, 1)
        assert verification.verify_report(report).genuine

    @pytest.mark.slow
    def test_two_workers_complete_one_agreement_once(self, away: Any) -> None:
        report = bank.reported(bank.granted())
        sign(report, factories.validator())
        away()
        act = SigningAct.objects.get()

        def complete() -> None:
            complete_signing(by=bank.WORKER, act=SigningAct.objects.get(pk=act.pk))
            connection.close()

        workers = [threading.Thread(target=complete) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert (number("report.signed"), ReportSignature.objects.count()) == (1, 1)

    @pytest.mark.slow
    def test_between_the_drawing_and_the_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """F11: the report appears from the row later, once."""
        approval = bank.granted()
        with monkeypatch.context() as patch:
            patch.setattr(drawing, "draw", lambda *_, **__: drawing.Drawn(b"%PDF-", {}))
            patch.setattr(pades, "with_fields", dying(lambda *_: None))
            killed(lambda: make_report(by=bank.WORKER, approval=approval))
        assert not Report.objects.exists()
        assert list(queries.awaited_reports()) == [approval]
        made = make_report(by=bank.WORKER, approval=approval)
        assert make_report(by=bank.WORKER, approval=approval) == made
        assert (Report.objects.count(), number("report.made")) == (1, 1)
