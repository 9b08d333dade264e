"""Jobs: one pass over Parquet files: score counts by group, and counts of cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job


@job
def stream_ours(place: str, rounds: str) -> dict[str, Any]:
    """Counts of scores by group and class, and every figure of every group with its error bounds."""
    from apps.engine.summaries.stream import score_table, stream_scores

    paths = sorted(Path(place).glob("*.parquet"))

    def way() -> Any:
        return score_table(stream_scores(paths, score="score", label="y", group="g"))

    rows = way()
    return {
        "seconds": seconds_of(way, int(rounds), warm=False),
        "count": rows[-1]["n"],
        "auc": rows[-1]["auc"],
        "bound": max(row["auc_bound"] for row in rows),
    }


@job
def stream_exact(place: str) -> dict[str, Any]:
    """The AUC of all rows, exact and in memory, to hold the streamed one against."""
    import numpy as np
    import pyarrow.parquet as pq

    from apps.engine.measures.ranking import rank

    table = pq.read_table(place)
    score = table["score"].to_numpy().astype(np.float64)
    return {"auc": float(rank(score, table["y"].to_numpy() == 1).auc), "count": len(score)}


@job
def scenes_write(kind: str, folder: str, *sizes: str) -> dict[str, Any]:
    """Make the data of a goal in a process of its own, so that its memory is nobody's."""
    from tests.bench import scenes

    place, numbers = Path(folder), [int(size) for size in sizes]
    makers = {
        "people": lambda: scenes.write_people(place, numbers[0]),
        "categories": lambda: scenes.write_people(place, numbers[0], categories=True),
        "scored": lambda: scenes.write_scored(place, numbers[0], *numbers[1:]),
        "drifting": lambda: scenes.write_drifting(place, numbers[0]),
        "network": lambda: scenes.network(place, rows=numbers[0], rounds=numbers[1]),
        "xgboost": lambda: scenes.xgboost_model(place, trees=numbers[0], depth=numbers[1], rows=numbers[2]),
        "lightgbm": lambda: scenes.lightgbm_model(
            place, trees=numbers[0], leaves=numbers[1], rows=numbers[2]
        ),
        "forest": lambda: scenes.forest_model(place, trees=numbers[0], depth=numbers[1], rows=numbers[2]),
    }
    return {"path": str(makers[kind]() or place)}
