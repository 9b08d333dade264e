"""Pictures follow from what the checks really give: each names the tables that it draws."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.engine.measure import measure
from apps.engine.subject import load
from apps.reports.charts import chart_of, draw

MODEL = Path(__file__).parents[2] / "fixtures" / "models" / "credit-pd-1" / "model.yaml"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "word"),
    [
        ("stability.psi", "contribution"),
        ("explainability.global_importance", "utilisation"),
        ("fairness.selection_rate_ratio", "region: south"),
    ],
)
def test_a_check_with_a_picture_is_drawn_from_its_own_tables(check: str, word: str) -> None:
    measurement = measure(check, load(MODEL)).as_json()
    spec = chart_of({"id": check, "measurement": measurement})

    assert spec is not None
    assert word in draw(spec)
