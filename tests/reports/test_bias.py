"""The summary of a bias audit: what New York City's rule asks to be published, and which of it is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from apps.audit.errors import Invalid
from apps.engine.columns import Columns
from apps.engine.measures.fairness.ll144 import ll144_scoring, ll144_selection
from apps.engine.values import Measured, Measurement
from apps.reports.commands import ask_report
from apps.reports.documents import Document, Table
from apps.reports.kinds import bias
from apps.reports.kinds.bias import bias_audit
from apps.reports.kinds.sealed import Sealed
from apps.reports.laying import picture_of
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
PEOPLE = [("F", "a", 40, 100), ("M", "a", 50, 100), ("M", "c", 6, 20), ("F", "b", 1, 3), ("", "a", 2, 5)]
EVIDENCE = "sha256:" + "e" * 64


def people() -> tuple[Columns, np.ndarray[Any, np.dtype[np.bool_]]]:
    sex = [s for s, _, _, n in PEOPLE for _ in range(n)]
    race = [r for _, r, _, n in PEOPLE for _ in range(n)]
    chosen = [k < hits for _, _, hits, n in PEOPLE for k in range(n)]
    return Columns.of(sex=[s or None for s in sex], race_ethnicity=race), np.array(chosen)


def audited(monkeypatch: pytest.MonkeyPatch, check: str, found: Measured, **scope: str) -> Document:
    """The audit of a decision that sealed this measurement."""
    version = bank.version()
    said = Measurement(
        check=check, check_version="1", measured=found, parameters={"exclude_below_share": 0.02}
    )
    gate = {"id": "ll144", "check": check, "evidence": EVIDENCE, "title": "Ratios", "outcome": "pass"}
    predicate = {"gates": [gate], "decided_at": "2026-11-01T10:00:00Z", "outcome": "pass"}
    statements = {EVIDENCE: {"predicate": {"measurement": said.as_json()}}}
    one = Sealed(bank.use_of(version), "sha256:" + "d" * 64, predicate, statements)
    monkeypatch.setattr(bias, "sealed_decisions", lambda _: [one])
    return bias_audit(version, timezone.now(), scope, factories.validator())


def rows_of(table: Table) -> dict[str, list[str]]:
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def test_rates_ratios_exclusions_and_unknowns_are_those_of_the_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    protected, selected = people()
    found = audited(
        monkeypatch, "fairness.ll144_selection", ll144_selection(selected=selected, protected=protected)
    )
    by_sex, by_race, both = found.sections[1].tables
    assert rows_of(by_sex)["F"] == ["103", "46.2%", "41", "39.8%", "0.853", "–"]
    assert rows_of(by_sex)["M"] == ["120", "53.8%", "56", "46.7%", "1.000", "highest rate"]
    assert "5 of 228 people are of unknown sex" in by_sex.told[0]
    assert rows_of(by_race)["b"][-2:] == ["–", "under 2%: left out of the ratios"]
    assert both.head[:3] == ("Sex", "Race or ethnicity", "People")
    assert picture_of(both, found.statements) is not None
    published = rows_of(found.sections[0].tables[0])
    assert published["People assessed"] == ["228"]
    assert published["Of unknown sex"] == ["5"]
    assert "b: under 2%" in published["Left out of the impact ratios by race or ethnicity"][0]
    assert published["Date of the bias audit"] == ["2026-11-01"]
    assert "By sex, the lowest impact ratio is 0.853, of F (103 people)." in found.summary


def test_scoring_counts_who_is_above_the_median_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    protected, selected = people()
    made = ll144_scoring(score=selected.astype(float), protected=protected)
    found = audited(
        monkeypatch, "fairness.ll144_scoring", made, distributed="2026-03-01", source="Own history"
    )
    by_sex = found.sections[1].tables[0]
    assert by_sex.head[3:5] == ("Above median", "Scoring rate")
    assert rows_of(by_sex)["M"][2:5] == ["56", "46.7%", "1.000"]
    published = rows_of(found.sections[0].tables[0])
    assert published["Median score"][0].startswith("0, of everybody assessed")
    assert published["Distribution date of the tool"][0].startswith("2026-03-01 (stated by Val")
    assert not any("has to be published" in sentence for sentence in found.summary)


def test_what_the_rule_asks_for_and_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _, selected = people()
    only = Columns.of(sex=[s or None for s, _, _, n in PEOPLE for _ in range(n)])
    found = audited(
        monkeypatch, "fairness.ll144_selection", ll144_selection(selected=selected, protected=only)
    )
    told = " ".join(found.summary)
    for missing in ("by race or ethnicity, which", "sex and race or ethnicity together", "distribution date"):
        assert missing in told


def test_what_is_stated_with_a_request_is_kept_and_bounded() -> None:
    asked: dict[str, Any] = {"by": factories.validator(), "kind": "bias-audit", "version": bank.version()}
    row = ask_report(**asked, scope={"distributed": "2026-03-01", "source": " Own  history ", "since": "x"})
    assert row.scope == {"distributed": "2026-03-01", "source": "Own history"}
    for wrong in ({"distributed": "soon"}, {"source": "x" * 1001}):
        with pytest.raises(Invalid):
            ask_report(**asked, scope=wrong)
