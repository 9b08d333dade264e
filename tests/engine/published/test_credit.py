"""Credit-risk validation against the tables of its literature."""

from __future__ import annotations

import numpy as np
import pytest

from apps.engine.measures import calibration_grades as grades
from tests.engine.published.printed import printed

BASEL = "Basel Committee (1996), Supervisory framework for the use of backtesting, table 2: 250 days at 99 %"
CUMULATIVE = (8.11, 28.58, 54.32, 75.81, 89.22, 95.88, 98.63, 99.60, 99.89, 99.97, 99.99)


@printed(
    "calibration.traffic_light",
    source=BASEL,
    what="cumulative probability and zone of 0 to 10 exceptions",
    seen="all eleven probabilities, quoted as table 2 by the tests of three public projects",
)
@pytest.mark.parametrize("exceptions", range(11))
def test_the_zones_are_basels(exceptions):
    found = grades.traffic_light(score=np.full(250, 0.01), label=np.arange(250) < exceptions)
    assert found.value == (0 if exceptions < 5 else 1 if exceptions < 10 else 2)
    assert 100 * found.tables["grades"][0]["cumulative"] == pytest.approx(CUMULATIVE[exceptions], abs=0.006)


NONE = {
    0.50: (0.09, 0.10, 0.23),
    0.75: (0.17, 0.20, 0.46),
    0.90: (0.29, 0.33, 0.76),
    0.95: (0.37, 0.43, 0.99),
    0.99: (0.57, 0.66, 1.52),
    0.999: (0.86, 0.98, 2.28),
}
PLUTO = "Pluto, Tasche (2005), Estimating probabilities of default for low default portfolios"


def bounds(defaults: tuple[int, int, int], confidence: float) -> list[float]:
    """The bounds in per cent of the paper's portfolio: grades of 100, 400 and 300 obligors."""
    sizes = (100, 400, 300)
    score = np.repeat([0.001, 0.002, 0.003], sizes)
    label = np.concatenate([np.arange(n) < d for d, n in zip(defaults, sizes, strict=True)])
    found = grades.low_default_pd(score=score, label=label, confidence=confidence)
    return [100 * row["bound"] for row in found.tables["grades"]]


@printed("calibration.low_default_pd", source=f"{PLUTO}, table 1", what="18 bounds without a default")
@pytest.mark.parametrize("confidence", NONE)
def test_bounds_without_a_default(confidence):
    assert bounds((0, 0, 0), confidence) == pytest.approx(NONE[confidence], abs=0.0051)


FEW = {
    0.50: (0.46, 0.52, 0.56),
    0.75: (None, 0.73, 0.90),
    0.90: (0.83, 0.95, 1.29),
    0.95: (0.97, 1.10, None),
    0.99: (1.25, 1.43, 2.19),
    0.999: (1.62, 1.85, 3.04),
}


@printed(
    "calibration.low_default_pd",
    source=f"{PLUTO}, table 2",
    what="16 of its 18 bounds with 0, 2 and 1 defaults",
)
@pytest.mark.parametrize("confidence", FEW)
def test_bounds_with_few_defaults(confidence):
    for found, wanted in zip(bounds((0, 2, 1), confidence), FEW[confidence], strict=True):
        assert wanted is None or found == pytest.approx(wanted, abs=0.0051)
