"""One subject, cut into Parquet parts in several ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from apps.engine.subject import Subject, load
from tests.engine.subjects import ROLES

N = 360
FEATURES = ("x1", "x2", "x3")


def people(seed: int, *, decimals: int = 2) -> pa.Table:
    """Rows with every role: scores with ties, missing groups, dates, weights."""
    random = np.random.default_rng(seed)
    score = np.clip(np.round(random.random(N), decimals), 0.01, 0.99)
    race = random.choice(np.array(["a", "b", None], dtype=object), N, p=[0.5, 0.4, 0.1])
    return pa.table(
        {
            "score": score,
            "defaulted": (random.random(N) < score).astype(np.int64),
            "sex": random.choice(["F", "M"], N),
            "race": pa.array(race.tolist(), pa.string()),
            "approved": np.where(score < 0.5, "yes", "no"),
            "month": random.choice(["2026-01", "2026-02", "2026-03"], N),
            "w": random.integers(1, 4, N).astype(np.float64),
            "x1": np.round(random.normal(size=N), 2),
            "x2": random.integers(0, 5, N),
            "x3": random.choice(["u", "v", "w"], N),
        }
    )


def cut(table: pa.Table, folder: Path, *, parts: int, seed: int = 0) -> None:
    """Write the rows in another order, as so many parts with row groups of any size."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    rows = table.take(pa.array(random.permutation(table.num_rows)))
    ends = np.sort(random.integers(0, table.num_rows + 1, parts - 1)).tolist()
    for i, (start, end) in enumerate(zip([0, *ends], [*ends, table.num_rows], strict=True)):
        size = int(random.integers(11, 200))
        pq.write_table(rows.slice(start, end - start), folder / f"p{i}.parquet", row_group_size=size)


def subject(
    folder: Path,
    *,
    parts: int = 1,
    seed: int = 0,
    decimals: int = 2,
    roles: Mapping[str, Any] | None = None,
    csv: bool = False,
    **spec: Any,
) -> Subject:
    """The subject with a holdout and a development set."""
    datasets = {}
    for number, name in enumerate(("holdout", "development")):
        table = people(number + 1, decimals=decimals)
        place = name
        if csv:
            place = f"{name}.csv"
            folder.mkdir(parents=True, exist_ok=True)
            arrow_csv.write_csv(table, folder / place, arrow_csv.WriteOptions(quoting_style="needed"))
        else:
            cut(table, folder / name, parts=parts, seed=seed + number)
        entry = {"path": place, **ROLES, "protected": ["sex", "race"], "period": "month", **(roles or {})}
        datasets[name] = {key: value for key, value in entry.items() if value is not None}
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "3"},
        "spec": {"kind": "classifier", "features": list(FEATURES), "datasets": datasets, **spec},
    }
    (folder / "model.yaml").write_text(json.dumps(document))
    return load(folder / "model.yaml")
