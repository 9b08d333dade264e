"""Every write of reports: asked for, made by a worker, signed by people."""

from __future__ import annotations

from apps.reports.commands.making import make_missing, make_report, request_report
from apps.reports.commands.signing import sign_report

__all__ = ["make_missing", "make_report", "request_report", "sign_report"]
