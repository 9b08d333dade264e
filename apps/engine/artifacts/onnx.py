"""ONNX models on onnxruntime's CPU provider: classifiers and regressors with one score per row.

Inputs may be one numeric matrix, or one input per feature (numbers or text). Outputs may be a label
and probabilities (a tensor, or a sequence of maps), or a single number per row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.matrix import (
    chosen_features,
    in_fixed_order,
    number_matrix,
    one_line,
    positive_index,
)
from apps.engine.columns import MISSING, Columns, FloatArray, level_text
from apps.engine.errors import BadInput

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")


class OnnxModel:
    """A session with one score per row."""

    format = "onnx"

    def __init__(self, path: Path, session: Any, features: Sequence[str] | None, positive: Any) -> None:
        self.path = path
        self.session = session
        self._inputs = session.get_inputs()
        self._positive = positive
        self._outputs = _outputs(path, session.get_outputs())
        self.features: Sequence[str] = _features(path, self._inputs, features)
        for taken in self._inputs:
            if taken.type not in _DTYPES:
                raise BadInput(f'{path.name} takes "{taken.name}" as {taken.type}, which is not supported.')

    @property
    def _numeric(self) -> bool:
        return all(taken.type != "tensor(string)" for taken in self._inputs)

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        if self._numeric:
            return self.score_matrix(number_matrix(features, self.features))
        return self._run({i.name: _column(self.path, features, i) for i in self._inputs}, features.rows)

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features)); BadInput where the model needs text."""
        if not self._numeric:
            text = next(taken.name for taken in self._inputs if taken.type == "tensor(string)")
            raise BadInput(f'{self.path.name} takes text in "{text}"; it cannot be run on numbers alone.')
        if not len(matrix):
            return np.zeros(0)
        return in_fixed_order(np.asarray(matrix, dtype=np.float64), self._numbers)

    def score_batch(self, matrix: Any) -> FloatArray:
        """The scores of a numeric matrix as its rows stand; may be called from several threads."""
        return self._numbers(matrix)

    @property
    def batch_dtype(self) -> Any:
        """The number type that spares `score_batch` a conversion."""
        only = self._inputs[0].type if len(self._inputs) == 1 else ""
        return _DTYPES[only] if only in _FLOATS else np.float64

    def _numbers(self, matrix: Any) -> FloatArray:
        if len(self._inputs) == 1:
            only = self._inputs[0]
            return self._run({only.name: _typed(self.path, only, matrix)}, len(matrix))
        columns = {
            taken.name: _typed(self.path, taken, matrix[:, [self.features.index(taken.name)]])
            for taken in self._inputs
        }
        return self._run(columns, len(matrix))

    def _run(self, feed: Mapping[str, Any], rows: int) -> FloatArray:
        if not rows:
            return np.zeros(0)
        try:
            found = self.session.run(self._outputs, dict(feed))
        except Exception as problem:
            raise BadInput(f"{self.path.name} cannot score these rows: {_reason(problem)}.") from problem
        return self._scores(found[0], found[1] if len(found) > 1 else None, rows)

    def _scores(self, output: Any, labels: Any, rows: int) -> FloatArray:
        if isinstance(output, list):
            classes = list(output[0])
            return np.array(
                [row[classes[positive_index(self.path, classes, self._positive)]] for row in output]
            )
        scores = np.asarray(output, dtype=np.float64).reshape(rows, -1)
        if scores.shape[1] == 1:
            return scores[:, 0]
        return scores[:, self._class(scores, labels)]

    def _class(self, scores: FloatArray, labels: Any) -> int:
        """The output of the positive class; which class an output is, the predicted labels show."""
        classes: list[Any] = [f"class {i}" for i in range(scores.shape[1])]
        if labels is not None:
            best = scores.argmax(axis=1)
            for i in np.unique(best):
                classes[i] = np.asarray(labels).reshape(-1)[best == i][0]
        wanted = None if self._positive is None else level_text(self._positive)
        known = [level_text(c) for c in classes]
        if len(known) == 2 and wanted is not None and wanted not in known:
            named = [i for i, text in enumerate(known) if not text.startswith("class ")]
            return 1 - named[0] if len(named) == 1 else 1
        return positive_index(self.path, classes, self._positive)


def load(path: Path, features: tuple[str, ...] | None, positive: Any) -> OnnxModel:
    """Open a session with fixed threads, so that two runs give the same bytes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as problem:
        raise BadInput(f"{path.name} is damaged, cut off or not supported: {_reason(problem)}.") from problem
    return OnnxModel(path, session, features, positive)


def _features(path: Path, inputs: Sequence[Any], named: Sequence[str] | None) -> tuple[str, ...]:
    if len(inputs) > 1:
        return chosen_features(path, named, [taken.name for taken in inputs], len(inputs))
    only, shape = inputs[0], inputs[0].shape
    width = shape[1] if len(shape) == 2 and isinstance(shape[1], int) else len(named or (only.name,))
    return chosen_features(path, named, [only.name] if width == 1 and named is None else None, width)


def _outputs(path: Path, outputs: Sequence[Any]) -> list[str]:
    """The output that holds the scores, then the one that holds the labels, if there is one."""
    maps = [out.name for out in outputs if out.type.startswith("seq(map(")]
    floats = [out.name for out in outputs if out.type in _FLOATS]
    labels = [out.name for out in outputs if out.type in ("tensor(int64)", "tensor(string)")]
    likely = sorted(floats, key=lambda name: "prob" not in name.lower())
    scores = maps or likely
    if not scores:
        raise BadInput(f"{path.name} gives labels only; an output with probabilities or scores is needed.")
    return [scores[0], *labels[:1]]


def _typed(path: Path, taken: Any, values: FloatArray) -> Any:
    dtype = _DTYPES[taken.type]
    if not np.issubdtype(dtype, np.floating) and np.isnan(values).any():
        raise BadInput(f'{path.name} takes whole numbers in "{taken.name}", and some values are missing.')
    with np.errstate(over="ignore"):  # beyond float32 is infinite to the model
        return np.ascontiguousarray(values, dtype=dtype)


def _column(path: Path, features: Columns, taken: Any) -> Any:
    """One feature as the (n, 1) tensor that the model takes."""
    if taken.name not in features:
        raise BadInput(f'The data has no column "{taken.name}", which the model needs.')
    if taken.type != "tensor(string)":
        return _typed(path, taken, features[taken.name].numbers().reshape(-1, 1))
    coded = features[taken.name].coded()
    texts = np.array(["" if level == MISSING else level for level in coded.levels], dtype=object)
    return texts[coded.codes].reshape(-1, 1)


def _reason(problem: BaseException) -> str:
    """The runtime's message without its error code and source line."""
    text = one_line(problem)
    return text.rsplit(" : ", 1)[-1]
