"""Jobs: drift of thirty columns by the libraries that people use for it."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.registry import peer
from tests.bench.scenes import CATEGORIES, NUMBERS, read_drifting


@peer("evidently", "pandas")
def evidently_drift(place: str) -> dict[str, Any]:
    """KS, Wasserstein and PSI of the numbers with chi-square of the categories: three reports."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    then, now = _frames(place)
    found: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    for method in ("ks", "wasserstein", "psi"):
        report = Report([DataDriftPreset(num_method=method, cat_method="chisquare")])
        told = report.run(now, then).dict()["metrics"]
        found[method] = {
            name.split("column=")[1].split(",")[0].rstrip(")"): float(metric["value"])
            for metric in told
            if "column=n" in (name := str(metric.get("metric_name") or metric.get("metric_id")))
        }
    return {"seconds": time.perf_counter() - began, "values": found}


@peer("nannyml", "pandas")
def nannyml_drift(place: str) -> dict[str, Any]:
    """KS and Wasserstein, binned above 10,000 rows as it does, and chi-square; reference included."""
    import nannyml as nml

    then, now = _frames(place)
    began = time.perf_counter()
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(then),
        continuous_methods=["kolmogorov_smirnov", "wasserstein", "jensen_shannon"],
        categorical_methods=["chi2"],
        chunk_number=1,
        treat_as_categorical=[f"c{i}" for i in range(CATEGORIES)],
    )
    last = calculator.fit(then).calculate(now).to_df().iloc[-1]
    seconds = time.perf_counter() - began
    names = [f"n{i}" for i in range(NUMBERS)]
    return {"seconds": seconds, "ks": {n: float(last[(n, "kolmogorov_smirnov", "value")]) for n in names}}


@peer("scipy")
def scipy_drift(place: str, columns: str) -> dict[str, Any]:
    """`ks_2samp` and `wasserstein_distance` of some columns, told for twenty-five."""
    from scipy import stats

    then, now = read_drifting(place, "then"), read_drifting(place, "now")
    values = {}
    began = time.perf_counter()
    for i in range(int(columns)):
        old, new = then[f"n{i}"], now[f"n{i}"]
        found = stats.ks_2samp(new, old, method="asymp")
        values[f"n{i}"] = [float(found[0]), float(stats.wasserstein_distance(new, old))]
    return {"seconds": (time.perf_counter() - began) * NUMBERS / int(columns), "values": values}


def _frames(place: str) -> tuple[Any, Any]:
    import pandas as pd

    then, now = (pd.DataFrame(read_drifting(place, name)) for name in ("then", "now"))
    for frame in (then, now):
        for i in range(CATEGORIES):
            frame[f"c{i}"] = frame[f"c{i}"].astype(str)
    return then, now
