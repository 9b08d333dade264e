"""Every write of reports: asked for, made by a worker, signed by people, archived."""

from __future__ import annotations

from apps.reports.commands.archiving import archive_due, archive_report
from apps.reports.commands.attesting import export_version
from apps.reports.commands.documents import ask_report, make_asked, make_document
from apps.reports.commands.exporting import export_list
from apps.reports.commands.making import make_missing, make_report, request_report
from apps.reports.commands.packing import make_pack
from apps.reports.commands.revoking import revoke_certificate
from apps.reports.commands.signing import complete_signing, complete_waiting, sign_report

__all__ = [
    "archive_due",
    "archive_report",
    "ask_report",
    "complete_signing",
    "complete_waiting",
    "export_list",
    "export_version",
    "make_asked",
    "make_document",
    "make_missing",
    "make_pack",
    "make_report",
    "request_report",
    "revoke_certificate",
    "sign_report",
]
