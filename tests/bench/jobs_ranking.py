"""Jobs: ranking and calibration of ten groups in memory."""

from __future__ import annotations

from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job
from tests.bench.scenes import EDGES, old_shares, scored

BINS = 15


@job
def ranking_ours(rows: str, rounds: str) -> dict[str, Any]:
    """AUC with DeLong's interval, KS, Brier, ECE and PSI of ten groups and of all, exact."""
    from apps.engine.measures.score_groups import score_groups

    score, label, group = scored(int(rows))
    shares = old_shares(int(rows))

    def way() -> Any:
        rows, whole = score_groups(
            score,
            label.view(bool),
            group,
            10,
            reference_edges=EDGES,
            reference_shares=shares,
            bins=BINS,
        )
        return [(row, row.auc_interval()) for row in (*rows, whole)]

    values = [
        {"auc": row.auc(), "ks": float(row.ks), "brier": row.brier, "ece": row.ece, "psi": row.psi}
        for row, _ in way()
    ]
    return {"seconds": seconds_of(way, int(rounds)), "values": values}


@job
def ranking_checks(rows: str, rounds: str) -> dict[str, Any]:
    """The checks one by one over all rows, with their intervals."""
    from apps.engine.measures.calibration import brier
    from apps.engine.measures.performance import auc, ks

    score, label, _ = scored(int(rows))
    ways = {
        "auc": lambda: auc(score=score, label=label.view(bool)).value,
        "ks": lambda: ks(score=score, label=label.view(bool)).value,
        "brier": lambda: brier(score=score, label=label.view(bool)).value,
    }
    return {name: {"seconds": seconds_of(way, int(rounds)), "value": way()} for name, way in ways.items()}


@job
def sort_alone(rows: str, rounds: str) -> dict[str, Any]:
    """Sorting the scores once, half on each of two threads: the floor of an exact ranking."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    score, _, _ = scored(int(rows))
    halves = np.array_split(score, 2)
    with ThreadPoolExecutor(2) as pool:
        return {"seconds": seconds_of(lambda: list(pool.map(np.sort, halves)), int(rounds))}
