"""Every write of approvals, one file a noun."""

from __future__ import annotations

from apps.approvals.commands.approvals import reopen, revoke, sign_off, submit, withdraw
from apps.approvals.commands.attestations import attest
from apps.approvals.commands.challenges import challenge
from apps.approvals.commands.comments import comment
from apps.approvals.commands.documents import give_document
from apps.approvals.commands.findings import (
    close_finding,
    open_finding,
    remediate_finding,
    reopen_finding,
)
from apps.approvals.commands.lineage import open_missing_lineage_findings, revalidate
from apps.approvals.commands.monitoring import (
    open_missed_finding,
    open_missed_findings,
    open_monitoring_finding,
    open_monitoring_findings,
)
from apps.approvals.commands.observed import open_observed_finding
from apps.approvals.commands.rounds import (
    attest_entries,
    dispute_entry,
    end_round,
    miss_entries,
    open_round,
    renew_rounds,
)
from apps.approvals.commands.vendors import import_vendor_pack, open_untold_findings, review_vendor
from apps.approvals.commands.waivers import grant_waiver, refuse_waiver, request_waiver

__all__ = [
    "attest",
    "attest_entries",
    "challenge",
    "close_finding",
    "comment",
    "dispute_entry",
    "end_round",
    "give_document",
    "grant_waiver",
    "import_vendor_pack",
    "miss_entries",
    "open_finding",
    "open_missed_finding",
    "open_missed_findings",
    "open_missing_lineage_findings",
    "open_monitoring_finding",
    "open_monitoring_findings",
    "open_observed_finding",
    "open_round",
    "open_untold_findings",
    "refuse_waiver",
    "remediate_finding",
    "renew_rounds",
    "reopen",
    "reopen_finding",
    "request_waiver",
    "revalidate",
    "review_vendor",
    "revoke",
    "sign_off",
    "submit",
    "withdraw",
]
