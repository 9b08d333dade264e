"""Small subjects on disk: tables in every format, and a manifest beside them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Table = Mapping[str, Sequence[Any]]

PEOPLE: Table = {
    "score": [0.9, 0.8, 0.7, 0.4, 0.35, 0.2, 0.15, 0.1],
    "defaulted": [1, 1, 0, 1, 0, 0, 0, 0],
    "sex": ["F", "M", "F", "M", "F", "M", "F", "M"],
    "approved": ["no", "no", "no", "yes", "yes", "yes", "yes", "yes"],
}
ROLES: Mapping[str, Any] = {
    "label": {"column": "defaulted", "positive": 1},
    "favourable": 0,
    "score": {"column": "score"},
    "decision": {"column": "approved", "favourable": "yes"},
    "protected": ["sex"],
}


def csv_bytes(table: Table) -> bytes:
    """The table as CSV, missing values empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode()


def write_table(path: Path, table: Table) -> Path:
    """Write CSV, gzip CSV or Parquet, as the name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: list(values) for name, values in table.items()}), path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(csv_bytes(table), mtime=0))
    else:
        path.write_bytes(csv_bytes(table))
    return path


def write_subject(
    folder: Path,
    tables: Mapping[str, Table] | None = None,
    *,
    suffix: str = ".csv",
    roles: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Path:
    """Write data sets and a manifest; `roles` replaces single roles of every data set."""
    datasets = {}
    for name, table in (tables or {"holdout": PEOPLE}).items():
        write_table(folder / f"{name}{suffix}", table)
        entry = {"path": f"{name}{suffix}", **ROLES, **(roles or {})}
        datasets[name] = {key: value for key, value in entry.items() if value is not None}
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "3"},
        "spec": {"kind": "classifier", "datasets": datasets, **spec},
    }
    path = folder / "model.yaml"
    path.write_text(json.dumps(document, indent=1))
    return path
