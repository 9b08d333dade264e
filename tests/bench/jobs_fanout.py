"""Jobs: parts of a data set summed up by so many workers of one thread each, then merged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.registry import job

GATES = [
    {"id": "auc", "check": "performance.auc"},
    {"id": "brier", "check": "calibration.brier"},
    {"id": "gap", "check": "fairness.auc_gap"},
]


def manifest(place: Path) -> Path:
    """A manifest beside the parts."""
    path = place / "model.yaml"
    roles = {
        "path": "scored",
        "label": {"column": "y", "positive": 1},
        "favourable": 0,
        "score": {"column": "score"},
        "protected": ["g"],
    }
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "bench", "version": "1"},
        "spec": {"kind": "classifier", "datasets": {"holdout": roles}},
    }
    path.write_text(json.dumps(document))
    return path


@job
def fanout_part(model: str, out: str, *parts: str) -> dict[str, Any]:
    """One worker: its parts, one after the other."""
    from apps.engine.partitions import measure_partition
    from apps.engine.resources import using
    from apps.engine.subject import load

    subject = load(model)
    with using(threads=1):
        for part in parts:
            Path(out, f"{part}.summary").write_bytes(
                measure_partition(subject, "holdout", GATES, parts=[part])
            )
    return {"parts": len(parts)}


@job
def fanout(place: str, workers: str) -> dict[str, Any]:
    """So many workers at once, then the last step."""
    from apps.engine.partitions import measure_merged
    from apps.engine.subject import load

    folder = Path(place)
    model = manifest(folder)
    out = folder / f"out-{workers}"
    out.mkdir(exist_ok=True)
    names = sorted(path.name for path in (folder / "scored").glob("*.parquet"))
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.jobs", "fanout_part", str(model), str(out), *some],
            stdout=subprocess.DEVNULL,
        )
        for some in (names[i :: int(workers)] for i in range(int(workers)))
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError("a worker did not end well")
    found = measure_merged(load(model), [(out / f"{name}.summary").read_bytes() for name in names], GATES)
    return {"seconds": time.perf_counter() - began, "count": found["auc"]["n"], "auc": found["auc"]["value"]}
