"""Jobs: ranking and calibration by group, in memory and over Parquet, by other engines."""

from __future__ import annotations

from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import peer
from tests.bench.scenes import EDGES, old_shares, scored

BINS, STEPS = 15, 65_520


@peer("scikit-learn", "numpy")
def sklearn_by_group(rows: str, rounds: str) -> dict[str, Any]:
    """AUC, KS, Brier, ECE and PSI of ten groups and of all, without intervals."""
    score, label, group = scored(int(rows))
    old = old_shares(int(rows))

    def way() -> list[dict[str, float]]:
        masks = [group == k for k in range(10)]
        return [_by_hand(score[m], label[m], old) for m in masks] + [_by_hand(score, label, old)]

    return {"seconds": seconds_of(way, int(rounds)), "values": way()}


def _by_hand(score: Any, label: Any, old: Any) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    false, true, _ = roc_curve(label, score, drop_intermediate=False)
    place = np.minimum((score * BINS).astype(int), BINS - 1)
    count, ones, sums = (
        np.bincount(place, w, BINS) for w in (np.ones(len(score)), label.astype(float), score)
    )
    e, a = np.array(old), np.histogram(score, [-np.inf, *EDGES, np.inf])[0] / len(score)
    return {
        "auc": float(roc_auc_score(label, score)),
        "ks": float(np.abs(true - false).max()),
        "brier": float(brier_score_loss(label, score)),
        "ece": float(np.abs(ones - sums).sum() / count.sum()),
        "psi": float(((a - e) * np.log(a / e)).sum()),
    }


@peer("duckdb")
def duckdb_stream(place: str, rounds: str) -> dict[str, Any]:
    """The same histogram of scores by group and outcome, by one statement on two threads."""
    import duckdb

    asked = (
        f"SELECT g, y, least(cast(floor(score * {STEPS}) AS integer), {STEPS - 1}) b, count(*) c, "  # noqa: S608
        "sum(score::double) s, sum(score::double * score) s2 "
        f"FROM read_parquet('{place}/*.parquet') GROUP BY ALL"
    )

    def way() -> Any:
        with duckdb.connect() as base:
            base.execute("SET threads=2")
            return base.execute(asked).fetchnumpy()

    found = way()
    counts = {
        (int(g), int(y), int(b)): int(c) for g, y, b, c in zip(*(found[k] for k in "gybc"), strict=True)
    }
    return {"seconds": seconds_of(way, int(rounds), warm=False), "count": sum(counts.values())}


@peer("polars")
def polars_stream(place: str, rounds: str) -> dict[str, Any]:
    """The same by Polars' streaming engine."""
    import polars as pl

    score = pl.col("score")

    def way() -> Any:
        binned = pl.scan_parquet(f"{place}/*.parquet").with_columns(
            b=(score * STEPS).cast(pl.Int32).clip(0, STEPS - 1), s=score.cast(pl.Float64)
        )
        sums = (pl.len().alias("c"), pl.col("s").sum().alias("s1"), (pl.col("s") ** 2).sum().alias("s2"))
        return binned.group_by("g", "y", "b").agg(*sums).collect(engine="streaming")

    return {"seconds": seconds_of(way, int(rounds)), "count": int(way()["c"].sum())}


@peer("scikit-learn", "pyarrow")
def sklearn_stream(place: str, most: str) -> dict[str, Any]:
    """All columns in memory, then scikit-learn by group; at most so many rows, as it is slow."""
    import time

    import pyarrow.parquet as pq

    old = old_shares(200_000)
    began = time.perf_counter()
    table = pq.read_table(place).slice(0, int(most))
    score, label, group = (table[name].to_numpy() for name in ("score", "y", "g"))
    for k in range(10):
        mask = group == k
        _by_hand(score[mask], label[mask], old)
    _by_hand(score, label, old)
    return {"seconds": time.perf_counter() - began, "rows": len(score)}


@peer("scikit-learn")
def sklearn_checks(rows: str, rounds: str) -> dict[str, Any]:
    """AUC, KS and Brier score of all rows, one by one."""
    from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

    score, label, _ = scored(int(rows))

    def ks() -> float:
        false, true, _ = roc_curve(label, score, drop_intermediate=False)
        return float(abs(true - false).max())

    ways = {
        "auc": lambda: float(roc_auc_score(label, score)),
        "ks": ks,
        "brier": lambda: float(brier_score_loss(label, score)),
    }
    return {name: {"seconds": seconds_of(way, int(rounds)), "value": way()} for name, way in ways.items()}
