"""The crossings of sex and race that New York's rule prints beside its two examples."""

from __future__ import annotations

from typing import Any

import pytest

from apps.engine.columns import Columns
from apps.engine.measures.fairness.ll144 import ll144_scoring, ll144_selection
from tests.engine.published.printed import chosen, printed

Printed = dict[tuple[str, str], tuple[int, int, float]]
NOTICE = "the table, in the Notice of Adoption of Final Rule"

# Selected, applied, impact ratio.
SELECTED: Printed = {
    ("Hispanic", "M"): (90, 205, 0.841), ("Hispanic", "F"): (82, 190, 0.827),
    ("White", "M"): (215, 412, 1.000), ("White", "F"): (197, 385, 0.981),
    ("Black", "M"): (95, 226, 0.806), ("Black", "F"): (75, 164, 0.876),
    ("Pacific", "M"): (37, 87, 0.815), ("Pacific", "F"): (15, 32, 0.898),
    ("Asian", "M"): (167, 321, 0.997), ("Asian", "F"): (135, 295, 0.877),
    ("Native", "M"): (11, 24, 0.878), ("Native", "F"): (7, 17, 0.789),
    ("Several", "M"): (52, 115, 0.866), ("Several", "F"): (44, 98, 0.860),
}  # fmt: skip
# Above the median, scored, impact ratio; the first from the printed scoring rate.
SCORED: Printed = {
    ("Hispanic", "M"): (12, 16, 1.00), ("Hispanic", "F"): (6, 12, 0.67),
    ("White", "M"): (7, 20, 0.47), ("White", "F"): (8, 20, 0.53),
    ("Black", "M"): (10, 20, 0.67), ("Black", "F"): (6, 12, 0.67),
    ("Pacific", "M"): (3, 4, 1.00), ("Pacific", "F"): (2, 4, 0.67),
    ("Asian", "M"): (7, 12, 0.78), ("Asian", "F"): (3, 12, 0.33),
    ("Native", "M"): (5, 8, 0.83), ("Native", "F"): (5, 8, 0.83),
    ("Several", "M"): (6, 12, 0.67), ("Several", "F"): (4, 8, 0.67),
}  # fmt: skip


def people(table: Printed) -> Columns:
    """Race and sex of each person of a table."""
    rows = [key for key, (_, n, _) in table.items() for _ in range(n)]
    return Columns.of(race=[race for race, _ in rows], sex=[sex for _, sex in rows])


def yes(table: Printed) -> Any:
    """Who was selected, or scored above the median."""
    return chosen(*((k, n) for k, n, _ in table.values()))


def ratios(found: Any) -> dict[str, float]:
    """Each crossing's impact ratio."""
    return {g.group: g.ratio for g in found.groups if " × " in g.group}


@printed("fairness.ll144_selection", source="6 RCNY § 5-301(b), example", seen=NOTICE,
         what="14 impact ratios by sex and race together")  # fmt: skip
def test_crossings_of_a_selecting_tool():
    found = ratios(
        ll144_selection(selected=yes(SELECTED), protected=people(SELECTED), exclude_below_share=0.0)
    )
    assert found == {f"{r} × {s}": pytest.approx(x, abs=6e-4) for (r, s), (_, _, x) in SELECTED.items()}


@printed("fairness.ll144_scoring", source="6 RCNY § 5-301(c) and (d), example", seen=NOTICE,
         what="14 impact ratios by sex and race together")  # fmt: skip
def test_crossings_of_a_scoring_tool():
    found = ratios(ll144_scoring(score=yes(SCORED) * 40.0 + 30, protected=people(SCORED)))
    assert found == {f"{r} × {s}": pytest.approx(x, abs=6e-3) for (r, s), (_, _, x) in SCORED.items()}
