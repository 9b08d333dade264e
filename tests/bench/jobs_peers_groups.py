"""Jobs: rates of groups by the libraries that people use for them."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import peer
from tests.bench.scenes import RACES, SEXES, people

SUMMARIES = (
    "overall",
    "group_max",
    "group_min",
    "difference",
    "difference_overall",
    "ratio",
    "ratio_overall",
)


@peer("fairlearn", "pandas")
def fairlearn_frames(rows: str) -> dict[str, Any]:
    """Both attributes and their intersection with every summary: three MetricFrames, no intervals."""
    frame = _frame(int(rows))
    began = time.perf_counter()
    found = {
        name: _told(_metric_frame(frame, columns))
        for name, columns in (("sex × race", ["sex", "race"]), ("sex", ["sex"]), ("race", ["race"]))
    }
    return {"seconds": time.perf_counter() - began, "values": found}


@peer("fairlearn", "pandas")
def fairlearn_draws(rows: str, draws: str) -> dict[str, Any]:
    """A thousand bootstrap draws of one MetricFrame, told from a few: a draw costs what the last one did."""
    frame, columns = _frame(int(rows)), ["sex", "race"]
    began = time.perf_counter()
    _metric_frame(frame, columns)
    without = time.perf_counter() - began
    began = time.perf_counter()
    _metric_frame(frame, columns, n_boot=int(draws), ci_quantiles=[0.025, 0.5, 0.975], random_state=0)
    each = (time.perf_counter() - began - without) / int(draws)
    return {"seconds": without + 1000 * each, "each": each}


def _frame(rows: int) -> Any:
    import pandas as pd

    sex, race, label, predicted = people(rows)
    return pd.DataFrame(
        {"sex": SEXES[sex], "race": RACES[race], "y": label.astype(int), "p": predicted.astype(int)}
    )


def _metric_frame(frame: Any, columns: list[str], **more: Any) -> Any:
    from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import accuracy_score

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "accuracy": accuracy_score,
        "count": count,
    }
    return MetricFrame(
        metrics=metrics, y_true=frame["y"], y_pred=frame["p"], sensitive_features=frame[columns], **more
    )


def _told(frame: Any) -> dict[str, Any]:
    """Everything that a MetricFrame says, by metric."""
    by_group = frame.by_group
    names = [" × ".join(key) if isinstance(key, tuple) else key for key in by_group.index]
    summaries = {
        "overall": frame.overall,
        "group_max": frame.group_max(),
        "group_min": frame.group_min(),
        "difference": frame.difference(),
        "difference_overall": frame.difference(method="to_overall"),
        "ratio": frame.ratio(),
        "ratio_overall": frame.ratio(method="to_overall"),
    }
    return {
        metric: {"by_group": dict(zip(names, map(float, by_group[metric]), strict=True))}
        | {name: float(values[metric]) for name, values in summaries.items()}
        for metric in by_group.columns
    }


@peer("aif360", "pandas")
def aif360_metrics(rows: str) -> dict[str, Any]:
    """Ten groups, a ClassificationMetric each; the data sets are made before."""
    import pandas as pd
    from aif360.datasets import BinaryLabelDataset
    from aif360.metrics import ClassificationMetric

    sex, race, label, predicted = people(int(rows))
    frame = pd.DataFrame({"code": (sex * 5.0 + race), "label": label.astype(float)})
    true = BinaryLabelDataset(df=frame, label_names=["label"], protected_attribute_names=["code"])
    told = true.copy()
    told.labels = predicted.astype(float).reshape(-1, 1)

    def way() -> list[float]:
        found = []
        for k in range(10):
            one = ClassificationMetric(
                true,
                told,
                privileged_groups=[{"code": 0.0 if k else 1.0}],
                unprivileged_groups=[{"code": float(k)}],
            )
            found.append(float(one.selection_rate(False)))
            for rate in (one.true_positive_rate, one.false_positive_rate, one.accuracy, one.num_instances):
                rate(False)
        return found

    return {"seconds": seconds_of(way, 1, warm=False), "selection": way() if int(rows) < 10_000 else []}


@peer("aequitas", "pandas")
def aequitas_crosstabs(rows: str) -> dict[str, Any]:
    """Crosstabs of both attributes and the intersection, and disparities to the largest group."""
    import pandas as pd
    from aequitas.bias import Bias
    from aequitas.group import Group

    sex, race, label, predicted = people(int(rows))
    frame = pd.DataFrame({"score": predicted.astype(int), "label_value": label.astype(int)})
    frame["sex"], frame["race"] = SEXES[sex].astype(object), RACES[race].astype(object)
    frame["both"] = frame["sex"] + frame["race"]

    def way() -> Any:
        table, _ = Group().get_crosstabs(frame, attr_cols=["sex", "race", "both"])
        return Bias().get_disparity_major_group(table, original_df=frame, mask_significance=False)

    return {"seconds": seconds_of(way, 3), "groups": len(way())}


@peer("pandas", "pyarrow")
def pandas_read(path: str, rounds: str) -> dict[str, Any]:
    """`pandas.read_parquet` and nothing after it."""
    import pandas as pd

    return {"seconds": seconds_of(lambda: pd.read_parquet(path), int(rounds))}
