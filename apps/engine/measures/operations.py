"""How fast and how large a model is on the machine that measures it.

These numbers are of a machine, not of data: they vary from run to run, and say so.
"""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray
from apps.engine.errors import Unmeasurable
from apps.engine.explain.frame import Frame, frames, sampled, scores
from apps.engine.inputs import Artifact, Model
from apps.engine.values import Measured

_NOTE = "A time of this machine, not a property of the data: two runs differ."


def latency(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    calls: int = 200,
    batch: int = 1,
    hardware: str | None = None,
    seed: int = 0,
) -> Measured:
    """Measure the 95th percentile of the time to score a small request, in milliseconds.

    Range (0, inf), lower is better.

    Parameters
    ----------
    calls : int
        Timed calls, after ten that are not.
    batch : int
        Rows per call.
    hardware : str, optional
        The declared hardware, printed beside what was found.
    model, features, seed
        As for `global_importance`.

    Returns
    -------
    Measured
        Table ``times``: p50, p95, p99 and the largest.

    Raises
    ------
    Unmeasurable
        If there is no model or no row.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> latency(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0])).value > 0
    True
    """
    running, frame = _running(model, features, 1000, seed)
    requests = [frame.take(np.arange(i, i + batch) % len(frame)) for i in range(calls)]
    times = np.array([_timed(running, r) for r in (*requests[:10], *requests)])[-calls:] * 1000
    p50, p95, p99 = np.quantile(times, [0.5, 0.95, 0.99])
    row = {"p50": float(p50), "p95": float(p95), "p99": float(p99), "largest": float(times.max())}
    return Measured(
        value=row["p95"],
        n=calls,
        method=f"wall clock of {calls} calls of {batch} rows, in process",
        parameters={**_machine(hardware), "batch": batch},
        tables={"times": [row]},
        notes=(_NOTE,),
    )


def throughput(
    *,
    model: Model | None = None,
    features: Columns | None = None,
    rows: int = 10_000,
    repeats: int = 5,
    hardware: str | None = None,
    seed: int = 0,
) -> Measured:
    """Measure rows scored per second in one large call: the median of the repeats.

    Range (0, inf), higher is better.

    Parameters
    ----------
    rows : int
        Rows of the call, repeated where the data set has fewer.
    repeats : int
        Timed calls, after one that is not.
    model, features, hardware, seed
        As for `latency`.

    Raises
    ------
    Unmeasurable
        If there is no model or no row.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> throughput(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0]), rows=100).value > 0
    True
    """
    running, frame = _running(model, features, rows, seed)
    request = frame.take(np.arange(rows) % len(frame))
    times: FloatArray = np.sort([_timed(running, request) for _ in range(repeats + 1)][1:])
    rates = rows / times
    return Measured(
        value=float(np.median(rates)),
        interval=(float(rates.min()), float(rates.max())),
        n=rows,
        method=f"median of {repeats} calls of {rows} rows, in process; interval: slowest and fastest",
        parameters={**_machine(hardware), "rows": rows},
        notes=(_NOTE,),
    )


def memory(
    *,
    model: Model | None = None,
    artifact: Artifact | None = None,
    features: Columns | None = None,
    rows: int = 10_000,
    hardware: str | None = None,
    seed: int = 0,
) -> Measured:
    """Measure the largest resident memory of the process that loaded and ran the model, in MiB.

    Scores `rows` rows and reads the process's high-water mark, so it covers the interpreter and libraries
    too. Range (0, inf), lower is better.

    Parameters
    ----------
    artifact : Artifact or None
        The file, whose size is printed.
    model, features, rows, hardware, seed
        As for `throughput`.

    Raises
    ------
    Unmeasurable
        If there is no model or no row.

    Examples
    --------
    >>> from apps.engine.explain.examples import Weighted
    >>> memory(model=Weighted({"a": 1.0}), features=Columns.of(a=[1.0]), rows=10).value > 1
    True
    """
    import resource

    running, frame = _running(model, features, rows, seed)
    scores(running, frame.take(np.arange(rows) % len(frame)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = artifact.path.stat().st_size if artifact is not None else None
    return Measured(
        value=float(peak),
        n=rows,
        method="high-water mark of the measuring process",
        parameters={**_machine(hardware), "rows": rows, "artifact_bytes": size},
        notes=(_NOTE,),
    )


def _running(model: Model | None, features: Columns | None, rows: int, seed: int) -> tuple[Model, Frame]:
    if model is None or features is None:
        raise Unmeasurable("The manifest has no artifact to run: nothing can be timed.")
    if features.rows == 0:
        raise Unmeasurable("The data set has no rows.", status="insufficient")
    return model, sampled(frames(features)[0], rows, seed)


def _timed(model: Model, request: Frame) -> float:
    from time import perf_counter

    start = perf_counter()
    scores(model, request)
    return perf_counter() - start


def _machine(hardware: str | None) -> dict[str, Any]:
    return {
        "hardware": hardware,
        "found": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
    }
