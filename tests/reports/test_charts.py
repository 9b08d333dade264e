"""Pictures follow from what the checks really give: each names the tables that it draws."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from apps.engine.measure import measure
from apps.engine.subject import load
from apps.reports.bars import standing
from apps.reports.charts import chart_of
from apps.reports.grouped import grouped
from apps.reports.intervals import intervals
from apps.reports.rasters import png
from apps.reports.scales import ticks

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "credit-pd-1" / "model.yaml"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "word"),
    [
        ("stability.psi", "reference data"),
        ("calibration.ece", "mean score of a bin"),
        ("explainability.global_importance", "utilisation"),
        ("fairness.selection_rate_ratio", "region: south"),
    ],
)
def test_a_check_with_a_picture_is_drawn_from_its_own_tables(check: str, word: str) -> None:
    measurement = measure(check, load(MODEL)).as_json()
    picture = chart_of({"id": check, "measurement": measurement})

    assert picture is not None
    assert word in picture.svg()


def test_a_gate_that_bounds_ratios_is_drawn_as_ratios_with_its_bound() -> None:
    group = {"attribute": "sex", "n": 50, "status": "measured", "value": 0.4, "interval": [0.3, 0.5]}
    groups = [
        {**group, "group": "F", "ratio": 0.8, "ratio_interval": [0.6, 1.1]},
        {**group, "group": "M", "ratio": 1.0, "ratio_interval": None},
        {**group, "group": "X", "ratio": None, "ratio_interval": None, "status": "insufficient"},
    ]
    drawn = chart_of({"id": "x", "bound": {"min": 0.8}, "measurement": {"groups": groups}})
    assert drawn is not None
    told = drawn.svg()
    assert "at least 0.8" in told
    assert "ratio to the reference" in told
    assert "sex: X" not in told


def test_the_table_that_is_drawn_stands_below_it() -> None:
    bins = [{"bin": k, "n": 10, "positives": k, "mean_score": k / 90, "rate": k / 100} for k in range(60)]
    measurement = {"groups": [], "tables": {"decomposition": [{"reliability": 0.1}], "bins": bins}}
    table = grouped(measurement)
    assert table is not None
    assert table.head == ["bin", "n", "positives", "mean score", "rate"]
    assert (len(table.rows), table.left_out) == (40, 20)
    picture = chart_of({"id": "x", "measurement": measurement})
    assert picture is not None
    assert png(picture).startswith(b"\x89PNG")
    assert grouped({"groups": [], "tables": {"summary": [{"n": 1}]}}) is None


def test_intervals_hold_whatever_the_numbers_and_names_are() -> None:
    rows = [
        {
            "group": "a\x0b<b>" * 20,
            "value": 0.5,
            "low": 0.5,
            "high": 0.5,
            "n_label": "n = 1",
            "status": "thin",
        }
    ]
    drawn = ElementTree.fromstring(intervals("T & <t>", rows).svg())  # noqa: S314 - our own
    assert "T & <t>" in "".join(drawn.itertext())
    assert all("nan" not in str(e.attrib) for e in drawn)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.0, 7.5), (1e-12, 2e-12), (5.0, 5.0), (0, 10**9)])
def test_ticks_span_the_values(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low + 1e-9
    assert found[-1] >= high - 1e-9
    assert 3 <= len(found) <= 12


def test_bars_stand_on_nought_and_names_without_room_are_numbered() -> None:
    few = standing("T", ("bin", "part"), [("a", 0.5), ("b", -0.5)]).svg()
    up, down = (e for e in ElementTree.fromstring(few) if e.tag.endswith("rect"))  # noqa: S314 - our own
    assert float(up.attrib["y"]) + float(up.attrib["height"]) == pytest.approx(float(down.attrib["y"]))
    many = standing("T", ("bin", "part"), [(f"from {k} to {k + 1}", 0.5) for k in range(30)]).svg()
    assert "numbered as in the table" in many
    assert "from 3 to 4" not in many
