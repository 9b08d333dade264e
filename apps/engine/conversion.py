"""A model file that is code, run once behind walls to be written anew as a file that is data.

Two processes, and neither is believed. The first loads the given file, which may run anything: it has that
file, an empty folder to write into, no data, no key, no network and no way to start another program. What it
writes is scanned and opened like any upload, by a second process that never sees the given file and scores
the same made-up rows.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from apps.engine import scan
from apps.engine.errors import BadInput
from apps.engine.landlock import Reach
from apps.engine.walls import raise_inner_walls

ROWS, SEED = 256, 20260131
MOST_FEATURES = 10_000
LARGEST = 1 << 30
# Programs that add the same floats in another order, or in 32 bits, differ by less; relative above 1.
TOLERANCE = 1e-4
_NOT_HERE = {
    "hdf5": "Keras and other HDF5 files are not converted here: export the model to ONNX where it was made.",
    "keras-lambda": "Keras models with a Lambda layer are Python code and are not converted.",
    "zip": "PyTorch and Keras files are not converted here: export the model to ONNX where it was made.",
}


def examine(path: Path) -> list[str]:
    """What the scanner finds in a file that may be converted, in sentences.

    Raises
    ------
    BadInput
        The file is data already, or of a kind that is not converted.
    """
    found = scan.scan(path)
    if found.verdict == "clean":
        raise BadInput("The file holds data alone: register it as it is; nothing has to be converted.")
    if found.kind != "pickle":
        raise BadInput(
            _NOT_HERE.get(found.kind)
            or f"Only pickle and joblib files of models are converted; this is {found.kind}."
        )
    return [finding.sentence for finding in found.findings]


def convert(given: Path, out: Path) -> dict[str, Any]:
    """Load a pickle and write its model as data; called in a process of its own that ends afterwards.

    Parameters
    ----------
    given : Path
        The file; loading it runs whatever it holds.
    out : Path
        Where the model is written.

    Returns
    -------
    dict
        ``format``, ``estimator``, ``features``, ``names`` and ``scores`` of `probe` rows: a claim.
    """
    walls = raise_inner_walls(Reach(reads=(given,), writes=(out.parent, Path.cwd())))
    import joblib

    try:
        model = joblib.load(given)
    except Exception as problem:
        raise BadInput(f"The file cannot be loaded: {_first_line(problem)}.") from problem
    count = getattr(model, "n_features_in_", None)
    if not hasattr(model, "predict") or not isinstance(count, int) or not 0 < count <= MOST_FEATURES:
        raise BadInput(
            f"The file holds {type(model).__name__}, which is no fitted model of numeric features."
        )
    rows = probe(count)
    scores = _scores(model, rows)
    form, data = _written(model, rows)
    out.write_bytes(data)
    names = getattr(model, "feature_names_in_", None)
    return {
        "format": form,
        "estimator": f"{type(model).__module__}.{type(model).__name__}",
        "features": count,
        "names": None if names is None else [str(name) for name in names],
        "scores": [float(score) for score in scores],
        "walls": walls,
    }


def probe(features: int) -> Any:
    """The made-up rows that both models score: numbers of many sizes that 32 bits hold exactly."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    size = 10.0 ** rng.uniform(-2, 3, size=(ROWS, 1))
    return (rng.normal(size=(ROWS, features)) * size).astype(np.float32).astype(np.float64)


def compare(made: Path, claimed: Mapping[str, Any]) -> dict[str, Any]:
    """Tell the format of what was written, score the `probe` rows with it and hold them against the claim.

    Raises
    ------
    BadInput
        What was written is no model of that format, or the claim cannot be read.
    """
    import hashlib

    import numpy as np

    from apps.engine.apart.client import begin_apart
    from apps.engine.artifacts import sniff
    from apps.engine.inputs import Artifact

    count = claimed.get("features")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MOST_FEATURES:
        raise BadInput("The converting process did not say how many features the model takes.")
    said, form = _numbers(claimed.get("scores")), sniff(made)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    names = [f"x{place}" for place in range(count)]
    model = begin_apart(Artifact(made, form, digest), names)()
    wanted = np.array(said)
    gap = np.abs(model.score_matrix(probe(count)) - wanted) / np.maximum(1.0, np.abs(wanted))
    if not np.isfinite(gap).all():
        raise BadInput("A score of the converted model is no finite number.")
    return {
        "format": form,
        "rows": ROWS,
        "largest_difference": float(gap.max()),
        "beyond": int((gap > TOLERANCE).sum()),
        "tolerance": TOLERANCE,
    }


def taken_out(place: Path, target: Path) -> None:
    """Copy what a converting process wrote, if it is a plain file of its own.

    A link would lead to a file of ours, a pipe would never end.
    """
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        raise BadInput("The converting process wrote no plain file.") from problem
    try:
        told = os.fstat(descriptor)
        if not stat.S_ISREG(told.st_mode) or told.st_nlink != 1 or not 0 < told.st_size <= LARGEST:
            raise BadInput("The converting process wrote no plain file of its own, or one that is too large.")
        with os.fdopen(descriptor, "rb", closefd=False) as source, target.open("xb") as made:
            left = LARGEST
            while left > 0 and (part := source.read(min(left, 1 << 20))):
                made.write(part)
                left -= len(part)
    finally:
        os.close(descriptor)


def _numbers(values: Any) -> list[float]:
    plain = isinstance(values, list) and len(values) == ROWS
    if not plain or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        raise BadInput("The converting process did not say what the given model scores.")
    return [float(value) for value in values]


def _scores(model: Any, rows: Any) -> Any:
    if not hasattr(model, "predict_proba"):
        return model.predict(rows).reshape(len(rows))
    found = model.predict_proba(rows)
    if found.ndim != 2 or found.shape[1] != 2:
        raise BadInput("The model has other than two classes: export it to ONNX where it was made.")
    return found[:, 1]


def _written(model: Any, rows: Any) -> tuple[str, bytes]:
    """The model in the first format that can hold it."""
    if hasattr(model, "get_booster"):
        return "xgboost", bytes(model.get_booster().save_raw("ubj"))
    if hasattr(model, "booster_"):
        return "lightgbm", str(model.booster_.model_to_string()).encode()
    why = []
    for form, write in _WRITERS:
        try:
            return form, write(model, rows)
        except Exception as problem:
            why.append(f"{form}: {_first_line(problem)}")
    raise BadInput(f"The model can be written neither as ONNX nor as skops ({'; '.join(why)}).")


def _onnx(model: Any, rows: Any) -> bytes:
    import numpy as np
    from skl2onnx import to_onnx

    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    return bytes(to_onnx(model, rows[:1].astype(np.float32), options=options).SerializeToString())


def _skops(model: Any, _: Any) -> bytes:
    import skops.io

    return bytes(skops.io.dumps(model))


_WRITERS: Sequence[tuple[str, Callable[[Any, Any], bytes]]] = (("onnx", _onnx), ("skops", _skops))


def _first_line(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0][:300].rstrip(".")
