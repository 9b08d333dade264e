"""Jobs: the usual rates of groups: from codes in memory, from Parquet, with a thousand draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job
from tests.bench.scenes import RACES, SEXES, people

NAMES = {"overall": "overall", "most": "group_max", "least": "group_min", "difference": "difference"} | {
    "difference_to_overall": "difference_overall",
    "ratio": "ratio",
    "ratio_to_overall": "ratio_overall",
}


@job
def groups_ours(rows: str, rounds: str, draws: str) -> dict[str, Any]:
    """Two attributes and their intersection, every rate and comparison, from a byte for each code."""
    from apps.engine.measures.fairness.frames import frames

    given = _given(int(rows))

    def way() -> Any:
        return frames(*given, draws=int(draws), seed=1)

    return {"seconds": seconds_of(way, int(rounds)), "values": _told(way())}


@job
def groups_check(rows: str, rounds: str) -> dict[str, Any]:
    """The check `fairness.group_rates` on the same: every rate, with Wilson's and Newcombe's intervals."""
    import numpy as np

    from apps.engine.columns import ArrayColumn, Coded, Columns
    from apps.engine.measures.fairness.rates import group_rates

    sex, race, label, predicted = people(int(rows))
    held = {
        "sex": Coded(sex.astype(np.int32), tuple(SEXES.tolist())),
        "race": Coded(race.astype(np.int32), tuple(RACES.tolist())),
    }
    protected = Columns(tuple(held), lambda name: ArrayColumn(name, held[name]), len(sex))

    def way() -> Any:
        return group_rates(
            predicted=predicted.view(bool),
            label=label.view(bool),
            protected=protected,
            attributes=["sex", "race", ["sex", "race"]],
        )

    return {"seconds": seconds_of(way, int(rounds)), "groups": len(way().groups)}


@job
def groups_parquet(path: str, rounds: str) -> dict[str, Any]:
    """The same from a Parquet file of text and numbers: one pass, then from the cells."""
    import numpy as np

    from apps.engine.measures.fairness.frames import frames
    from apps.engine.summaries.stream import stream_cells

    def way() -> Any:
        found = stream_cells([Path(path)], ["sex", "race", "y", "p"])
        places = np.indices(found.counts.shape).reshape(4, -1)
        codes = {name: places[k].astype(np.uint8) for k, name in enumerate(found.columns[:2])}
        label, predicted = (np.array([lv == "1" for lv in found.levels[k]])[places[k]] for k in (2, 3))
        return frames(codes, label, predicted, count=found.counts.ravel())

    return {"seconds": seconds_of(way, int(rounds)), "count": int(way()["sex"].counts.sum())}


def _given(rows: int) -> tuple[dict[str, Any], Any, Any]:
    sex, race, label, predicted = people(rows)
    return {"sex": sex, "race": race}, label.view(bool), predicted.view(bool)


def _told(found: Any) -> dict[str, Any]:
    """In the words of the peer, level names included."""
    levels = {"sex": SEXES.tolist(), "race": RACES.tolist()}
    levels["sex × race"] = [f"{a} × {b}" for a in levels["sex"] for b in levels["race"]]
    return {
        attribute: {
            metric: {"by_group": dict(zip(levels[attribute], values.tolist(), strict=True))}
            | {theirs: frame.summary[metric][ours] for ours, theirs in NAMES.items()}
            for metric, values in frame.by_group.items()
        }
        for attribute, frame in found.items()
    }


@job
def draws_alone(rows: str, rounds: str) -> dict[str, Any]:
    """A thousand multinomial draws of the forty cells and nothing else: the floor of an interval."""
    import numpy as np

    sex, race, label, predicted = people(int(rows))
    counts = np.bincount(((sex * 5 + race) * 2 + label) * 2 + predicted, minlength=40)
    chance, source = counts / counts.sum(), np.random.Generator(np.random.Philox(1))
    total = int(counts.sum())
    return {"seconds": seconds_of(lambda: source.multinomial(total, chance, 1000), int(rounds))}
