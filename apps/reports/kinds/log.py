"""The challenge log and the conversations of reviews, in full, for the appendix of reports."""

from __future__ import annotations

from apps.approvals.models import Comment
from apps.inventory.models import ModelVersion
from apps.reports.challenges import Entry, sealed_entries
from apps.reports.documents import RECORDED, SEALED, Cell, Section, Table, words

HEAD = ("When", "Who", "What", "About", "Text")
EARLIER = (
    "Entries “on an earlier version” speak of a measurement, a finding or a revision that changed since."
)


def challenge_log(version: ModelVersion) -> Section:
    """What people asked, answered and remarked on a version, oldest first."""
    found, left_out = sealed_entries(version)
    rows = Comment.objects.filter(approval__version=version).select_related("person").order_by("added_at")
    told = [EARLIER] if any(entry.earlier for entry in found) else []
    if left_out:
        told.append(f"{left_out} entries are not as they were sealed and are left out.")
    empty = "Nobody asked or remarked anything."
    tables = [
        Table("Challenge log", HEAD, [_entry(entry) for entry in found], empty=empty),
        Table("Conversations of reviews", HEAD, [_comment(row) for row in rows], empty=empty),
    ]
    return Section("Appendix: questions, answers and remarks", told, tables)


def _entry(entry: Entry) -> list[Cell]:
    row, digest = entry.row, entry.row.statement_digest
    about = row.thing_name + (" (on an earlier version)" if entry.earlier else "")
    when = f"{row.said_at:%Y-%m-%d %H:%M} UTC"
    return [words(text, SEALED, digest) for text in (when, entry.person, row.said, about, entry.text)]


def _comment(row: Comment) -> list[Cell]:
    about = f"gate {row.gate}" if row.gate else "the review"
    texts = (f"{row.added_at:%Y-%m-%d %H:%M} UTC", row.person, "comment", about, row.text)
    return [words(text, RECORDED, row.evidence_digest) for text in texts]
