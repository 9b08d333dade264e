"""Drift: every figure against scipy; rows, counts, tallies of parts, weights and kernels agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce

import numpy as np
import pytest
from scipy import stats

from apps.engine import kernels
from apps.engine.columns import ArrayColumn, Coded, Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures import stability_shifts as shifts
from apps.engine.measures.data import contract
from apps.engine.measures.data_outliers import outliers
from apps.engine.measures.data_shape import representativeness
from apps.engine.measures.drift import compare
from apps.engine.measures.stability import psi
from apps.engine.resources import using
from apps.engine.tally import joined, tally
from apps.engine.values import Measured, Measurement

TERMS = {"x": {"min": -1, "max_missing_share": 0.01}, "k": {"values": [0, 1, 2]}, "s": {"unique": True}}
CHECKS: dict[str, Callable[[Columns, Columns], Measured]] = {
    "csi": lambda now, then: shifts.csi(features=now, reference_features=then),
    "csi by width": lambda now, then: shifts.csi(features=now, reference_features=then, bins="width"),
    "ks_shift": lambda now, then: shifts.ks_shift(features=now, reference_features=then, adjust="holm"),
    "wasserstein": lambda now, then: shifts.wasserstein(features=now, reference_features=then),
    "chi_square_shift": lambda now, then: shifts.chi_square_shift(features=now, reference_features=then),
    "missing_rate_shift": lambda now, then: shifts.missing_rate_shift(features=now, reference_features=then),
    "outliers": lambda now, then: outliers(features=now, reference_features=then, width=1.0),
    "outliers by mad": lambda now, then: outliers(features=now, reference_features=then, rule="mad"),
    "representativeness": lambda now, then: representativeness(
        columns=now, reference_columns=then, features=now, seed=4
    ),
    "contract": lambda now, then: contract(columns=now, declared={}, contract=TERMS),
}


def table(seed: int, n: int = 900) -> Columns:
    source = np.random.default_rng(seed)
    x = np.round(source.normal(0.1 * seed, 1, n), 2)
    x[source.random(n) < 0.03] = np.nan
    levels = source.choice(["a", "b", "c", "d"], n, p=[0.4, 0.3, 0.2, 0.1])
    return Columns.of(
        x=x, y=source.lognormal(0, 1, n), k=source.integers(0, 4, n).astype(float), s=levels.tolist()
    )


def as_bytes(found: Measured) -> str:
    return json.dumps(
        Measurement(check="x", check_version="1", measured=found, parameters={}).as_json(), allow_nan=False
    )


def in_parts(columns: Columns, parts: int) -> Columns:
    """The same table as tallies of its parts, joined."""

    def cut(name: str, part: int) -> ArrayColumn:
        column = columns[name]
        if column.kind == "number":
            return ArrayColumn(name, column.numbers()[part::parts])
        coded = column.coded()
        return ArrayColumn(name, Coded.of([coded.levels[c] for c in coded.codes[part::parts]]))

    def load(name: str) -> object:
        return reduce(joined, [tally(cut(name, part)) for part in range(parts)])

    return Columns(tuple(columns), load, columns.rows)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", CHECKS)
def test_tallies_of_parts_are_the_rows(check: str) -> None:
    now, then = table(1), table(0)
    wanted = as_bytes(CHECKS[check](now, then))
    assert as_bytes(CHECKS[check](in_parts(now, 4), in_parts(then, 3))) == wanted
    assert as_bytes(CHECKS[check](in_parts(now, 1), then)) == wanted


@pytest.mark.parametrize("check", CHECKS)
def test_neither_threads_nor_kernels_change_a_byte(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernels.installed():
        pytest.skip("Numba is not installed")
    plain = as_bytes(CHECKS[check](table(1), table(0)))
    monkeypatch.setattr(kernels, "worth", lambda items, **_: True)
    for threads in (1, 3):
        with using(threads=threads):
            assert as_bytes(CHECKS[check](table(1), table(0))) == plain


def test_one_comparison_has_every_figure() -> None:
    now, then = table(1), table(0)
    found = {row["column"]: row for row in compare(then, now)}
    x, y = (t["x"].numbers()[~np.isnan(t["x"].numbers())] for t in (now, then))
    wanted = stats.ks_2samp(x, y, method="asymp")
    assert found["x"]["ks"] == pytest.approx(wanted.statistic, abs=1e-14)
    assert found["x"]["p_value"] == pytest.approx(wanted.pvalue, rel=1e-9)
    assert found["x"]["distance"] == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    assert found["x"]["reference_sd"] == pytest.approx(y.std(ddof=1), rel=1e-12)
    counts = [np.bincount(t["s"].coded().codes) for t in (then, now)]
    chi = stats.chi2_contingency(counts, correction=False)
    assert (found["s"]["statistic"], found["s"]["p_value"]) == pytest.approx((chi.statistic, chi.pvalue))
    assert found["x"]["psi"] == shifts.csi(features=now, reference_features=then, columns=["x"]).value


def test_the_same_figures_stand_in_every_check() -> None:
    now, then = table(1), table(0)
    for row in compare(then, now):
        for name, check in (("ks", shifts.ks_shift), ("wasserstein", shifts.wasserstein)):
            if row["kind"] == "number":
                found = check(features=now, reference_features=then, columns=[row["column"]])
                assert found.value == row[name]


def test_edges_may_be_given_as_the_rule() -> None:
    now, then = table(1), table(0)
    score, old = (t["y"].numbers() for t in (now, then))
    listed = psi(score=score, reference_score=old, bins=[0.5, 1.0, 2.0])
    named = psi(score=score, reference_score=old, bins="edges", edges=[0.5, 1.0, 2.0])
    assert as_bytes(listed) == as_bytes(named)
    assert listed.parameters["edges_made"] == [0.5, 1.0, 2.0]
    by_feature = shifts.csi(features=now, reference_features=then, columns=["y"], bins=[0.5, 1.0, 2.0])
    assert by_feature.value == pytest.approx(listed.value)
    with pytest.raises(BadInput, match="needs the argument edges"):
        psi(score=score, reference_score=old, bins="edges")
    with pytest.raises(Unmeasurable, match="makes 20,000 bins; at most 10,000"):
        psi(score=score, reference_score=np.arange(20_000.0), bins="unique")


# Weights ------------------------------------------------------------------------------------------------


def weights(n: int = 900) -> np.ndarray:
    return np.random.default_rng(7).choice([0.5, 1.0, 2.0, 4.0], n)


def test_weighted_distances_are_scipys() -> None:
    now, then = table(1), table(0)
    w, v = weights(), weights()[::-1].copy()
    given = {"features": now, "reference_features": then, "columns": ["y"]}
    found = shifts.wasserstein(**given, weight=w, reference_weight=v).tables["features"][0]
    x, y = now["y"].numbers(), then["y"].numbers()
    assert found["distance"] == pytest.approx(stats.wasserstein_distance(x, y, w, v), rel=1e-12)
    gaps = [abs(w[x <= t].sum() / w.sum() - v[y <= t].sum() / v.sum()) for t in (*x, *y)]
    ks = shifts.ks_shift(**given, weight=w, reference_weight=v)
    assert ks.value == pytest.approx(max(gaps), abs=1e-12)
    sizes = [u.sum() ** 2 / (u**2).sum() for u in (w, v)]
    exact = stats.kstwo.sf(ks.value, round(sizes[0] * sizes[1] / sum(sizes)))
    assert ks.tables["features"][0]["p_value"] == pytest.approx(exact)


def test_weighted_shares_are_those_of_the_weight() -> None:
    now, then = table(1), table(0)
    w = weights()
    edges = [0.5, 1.0, 2.0]
    found = psi(score=now["y"].numbers(), reference_score=then["y"].numbers(), weight=w, bins=edges)
    ends = np.searchsorted(edges, now["y"].numbers(), side="left")
    share = np.bincount(ends, weights=w) / w.sum()
    assert [row["share"] for row in found.tables["bins"]] == pytest.approx(share.tolist(), rel=1e-13)
    assert "Kish" in found.method
    missing = np.isnan(now["x"].numbers())
    blank = shifts.missing_rate_shift(features=now, reference_features=then, columns=["x"], weight=w)
    assert blank.tables["features"][0]["share"] == pytest.approx(w[missing].sum() / w.sum(), rel=1e-13)


@pytest.mark.parametrize("check", ["csi", "ks_shift", "wasserstein", "missing_rate_shift"])
def test_whole_weights_are_repeated_rows(check: str) -> None:
    now, then = table(1), table(0)
    times = np.random.default_rng(2).integers(1, 4, 900)
    rows = np.repeat(np.arange(900), times)
    levels = now["s"].coded()
    many = Columns.of(
        **{name: now[name].numbers()[rows] for name in ("x", "y", "k")},
        s=[levels.levels[c] for c in levels.codes[rows]],
    )
    function = getattr(shifts, check)
    weighted = function(features=now, reference_features=then, weight=times.astype(float))
    assert weighted.value == pytest.approx(function(features=many, reference_features=then).value, rel=1e-12)
    turned = function(features=many, reference_features=now, reference_weight=times.astype(float))
    assert turned.value == pytest.approx(0, abs=1e-12)


# What has no number -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ([-1e308, 1e308, 1e308], [1e308, -1e308], "too large to be summed"),
        ([np.inf, -np.inf], [1.0], "no value in one of the data sets"),
        ([np.nan], [1.0], "no value in one of the data sets"),
        ([5.0, 5.0], [6.0], "no standard deviation"),
    ],
)
def test_what_cannot_be_compared_says_why(then: list[float], now: list[float], words: str) -> None:
    with pytest.raises(Unmeasurable, match=words):
        shifts.wasserstein(features=Columns.of(x=now), reference_features=Columns.of(x=then))


@pytest.mark.filterwarnings("error")
def test_infinite_values_lie_in_the_outer_bins() -> None:
    then, now = Columns.of(x=[1.0, 2.0, 3.0, 4.0]), Columns.of(x=[np.inf, -np.inf, 2.0, 3.0])
    found = shifts.csi(features=now, reference_features=then, bins=[1.5, 2.5, 3.5])
    assert found.value == pytest.approx(0, abs=1e-12)
    by_width = Columns.of(x=[-1e308, 0.0, 1e308])
    with pytest.raises(Unmeasurable, match="bins of equal width have no edges"):
        shifts.csi(features=now, reference_features=by_width, bins="width")


def test_no_weight_at_all_is_said() -> None:
    now, then = Columns.of(x=[1.0, np.nan]), Columns.of(x=[1.0, 2.0])
    with pytest.raises(Unmeasurable, match='Feature "x": it has no value with a weight'):
        shifts.ks_shift(features=now, reference_features=then, weight=np.array([0.0, 1.0]))


@pytest.mark.slow
def test_ten_thousand_features_are_compared() -> None:
    source = np.random.default_rng(0)
    wide = [Columns.of(**{f"f{i}": source.normal(size=50) for i in range(10_000)}) for _ in range(2)]
    found = shifts.ks_shift(features=wide[0], reference_features=wide[1], adjust="holm")
    assert (found.parameters["features"], len(found.tables["features"])) == (10_000, 10_000)
