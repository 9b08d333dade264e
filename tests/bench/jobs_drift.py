"""Jobs: drift of thirty columns, every figure of every column."""

from __future__ import annotations

from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job
from tests.bench.scenes import NUMBERS, read_drifting


@job
def drift_ours(place: str, rounds: str) -> dict[str, Any]:
    """PSI, KS with its p-value, Wasserstein; chi-square and PSI of the categories; the reference included."""
    from apps.engine.measures.drift import compare

    def way() -> Any:
        return compare(_columns(then), _columns(now))

    then, now = read_drifting(place, "then"), read_drifting(place, "now")
    found = {row["column"]: row for row in way()}
    keys = ("ks", "p_value", "psi", "wasserstein", "distance")
    return {
        "seconds": seconds_of(way, int(rounds)),
        "values": {f"n{i}": {key: float(found[f"n{i}"][key]) for key in keys} for i in range(NUMBERS)},
        "categories": {name: row["psi"] for name, row in found.items() if name.startswith("c")},
        "sorted": 2 * NUMBERS * len(now["n0"]),
    }


def _columns(held: dict[str, Any]) -> Any:
    import numpy as np

    from apps.engine.columns import ArrayColumn, Coded, Columns

    def load(name: str) -> Any:
        if name.startswith("n"):
            return ArrayColumn(name, held[name])
        levels = tuple(str(k) for k in range(int(held[name].max()) + 1))
        return ArrayColumn(name, Coded(held[name].astype(np.int32), levels))

    return Columns(tuple(held), load, len(held["n0"]))
