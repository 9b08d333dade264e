"""A long validation report, from cold."""

from __future__ import annotations

import pytest

from tests.bench.goals import Goal, compare, side, versus
from tests.bench.measuring import in_turns, job, peer_job
from tests.bench.table import Table

pytestmark = pytest.mark.bench
GATES, GROUPS = 12, 40


def test_a_report_of_thirty_six_pages(table: Table) -> None:
    found = in_turns(
        2,
        ours=lambda: job("report_ours", GATES, GROUPS),
        plain=lambda: job("report_plain", GATES, GROUPS),
        typst=lambda: peer_job("report_typst", GATES, GROUPS),
    )
    said = found["ours"][0].said
    versus(
        table,
        found,
        part="A report, tagged, with charts, tables and its evidence attached",
        what=f"{said['pages']} pages, {GATES} sections of {GROUPS} groups, PDF/A-3a by WeasyPrint",
        peer="typst",
        goal=Goal(seconds=2.0),
        note="another layout, no attachment",
    )
    compare(
        table,
        part="A report, tagged, with charts, tables and its evidence attached",
        what="the same text, pictures and tables as ordinary HTML, by the same WeasyPrint",
        ours=side(found, "ours"),
        theirs=side(found, "plain", note=f"{found['plain'][0].said['pages']} pages"),
        peer="WeasyPrint",
        goal=Goal(ratio=1.5),
    )
