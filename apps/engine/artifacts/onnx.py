"""ONNX models on onnxruntime's CPU provider: classifiers and regressors with one score per row.

Inputs may be one numeric matrix, or one input per feature (numbers or text). Outputs may be a label
and probabilities (a tensor, or a sequence of maps), or a single number per row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.matrix import (
    chosen_features,
    in_fixed_order,
    number_matrix,
    positive_index,
)
from apps.engine.artifacts.onnx_graph import (
    Graph,
    class_labels,
    known_categories,
    read_graph,
    scores_before_maps,
    with_output,
)
from apps.engine.artifacts.onnx_network import network
from apps.engine.columns import MISSING, Columns, FloatArray, level_text
from apps.engine.device import Arrays, Moved, processor
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
_CPU, _CUDA, _TRIED = "CPUExecutionProvider", "CUDAExecutionProvider", 256
_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
_SOURCE = re.compile(r"/onnxruntime_src/\S+:\d+ ")


class OnnxModel:
    """A session with one score per row."""

    format = "onnx"

    def __init__(
        self,
        path: Path,
        session: Any,
        features: Sequence[str] | None,
        positive: Any,
        graph: Graph | None = None,
    ) -> None:
        self.path = path
        self.session = session
        self._inputs = session.get_inputs()
        self._positive = positive
        tensor = None if graph is None else scores_before_maps(graph)
        self._graph, self._outputs = graph, _outputs(path, session.get_outputs(), tensor)
        self._classes = None if self._graph is None else class_labels(self._graph)
        self._known = {} if self._graph is None else known_categories(self._graph)
        self.features: Sequence[str] = _features(path, self._inputs, features)
        for taken in self._inputs:
            if taken.type not in _DTYPES:
                raise BadInput(f'{path.name} takes "{taken.name}" as {taken.type}, which is not supported.')

    @property
    def texts(self) -> list[str]:
        """The features that it takes as text."""
        return [taken.name for taken in self._inputs if taken.type == "tensor(string)"]

    @property
    def _numeric(self) -> bool:
        return not self.texts

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        if self._numeric:
            return self.score_matrix(number_matrix(features, self.features))
        feed = {i.name: _column(self.path, features, i, self._known.get(i.name)) for i in self._inputs}
        return self._run(feed, features.rows)

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

    def on_device(self, arrays: Arrays, sample: FloatArray) -> Moved | None:
        """The same scores from a GPU: its graph as a network there, else onnxruntime's own CUDA provider.

        None where neither gives the model's scores of these rows.
        """
        if not self._numeric or len(self._inputs) != 1 or not len(sample):
            return None
        few = np.ascontiguousarray(sample[:_TRIED], dtype=self.batch_dtype)
        found = self.session.run(self._outputs, {self._inputs[0].name: few})
        if isinstance(found[0], list):
            return None
        scores = np.asarray(found[0], dtype=np.float64).reshape(len(few), -1)
        column = None if scores.shape[1] == 1 else self._class(scores, found[1] if found[1:] else None)
        wanted = scores[:, column or 0]
        made = network(self._graph, self._outputs[0], column, arrays=arrays, sample=few, scores=wanted)
        return self._on_runtime(few, wanted) if made is None else Moved(made, arrays)

    def _on_runtime(self, sample: Any, wanted: FloatArray) -> Moved | None:
        """The scores of onnxruntime's CUDA provider, where that build is installed."""
        import onnxruntime

        if _CUDA not in onnxruntime.get_available_providers():
            return None
        session = _session(self.path.read_bytes(), self._graph, _options(), (_CUDA, _CPU))
        there = OnnxModel(self.path, session, self.features, self._positive, self._graph)
        same = np.allclose(there.score_batch(sample), wanted, rtol=1e-4, atol=1e-5)
        return Moved(there.score_batch, processor()) if same else None

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
        if (length := len(output) if isinstance(output, list) else (*np.shape(output), 0)[0]) != rows:
            raise BadInput(
                f"{self.path.name} gives {length:,} scores for {rows:,} rows; one for each row was expected."
            )
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
        """The output of the positive class: by the graph's own labels, else as the predicted ones show."""
        if self._classes is not None and len(self._classes) == scores.shape[1]:
            return positive_index(self.path, self._classes, self._positive)
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
    graph, data = read_graph(path), path.read_bytes()
    try:
        session = _session(data, graph, _options(), (_CPU,))
    except Exception as problem:
        raise BadInput(f"{path.name} is damaged, cut off or not supported: {_reason(problem)}.") from problem
    return OnnxModel(path, session, features, positive, graph)


def _options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    return options


def _session(data: bytes, graph: Graph | None, options: Any, providers: Sequence[str]) -> Any:
    """A session; where scores come as one dictionary a row, the tensor behind them is made an output too."""
    from onnxruntime import InferenceSession

    tensor = None if graph is None or class_labels(graph) is None else scores_before_maps(graph)
    given = data if tensor is None else with_output(data, tensor)
    return InferenceSession(given, sess_options=options, providers=list(providers))


def _features(path: Path, inputs: Sequence[Any], named: Sequence[str] | None) -> tuple[str, ...]:
    if len(inputs) > 1:
        return chosen_features(path, named, [taken.name for taken in inputs], len(inputs))
    only, shape = inputs[0], inputs[0].shape
    width = shape[1] if len(shape) == 2 and isinstance(shape[1], int) else len(named or (only.name,))
    return chosen_features(path, named, [only.name] if width == 1 and named is None else None, width)


def _outputs(path: Path, outputs: Sequence[Any], tensor: str | None) -> list[str]:
    """The output that holds the scores, then the one that holds the labels, if there is one."""
    maps = [out.name for out in outputs if out.type.startswith("seq(map(")]
    floats = [out.name for out in outputs if out.type in _FLOATS]
    labels = [out.name for out in outputs if out.type in ("tensor(int64)", "tensor(string)")]
    likely = sorted(floats, key=lambda name: "prob" not in name.lower())
    scores = [name for name in floats if name == tensor] or maps or likely
    if not scores:
        raise BadInput(f"{path.name} gives labels only; an output with probabilities or scores is needed.")
    return [scores[0], *labels[:1]]


def _typed(path: Path, taken: Any, values: FloatArray) -> Any:
    dtype = _DTYPES[taken.type]
    if not np.issubdtype(dtype, np.floating) and np.isnan(values).any():
        raise BadInput(f'{path.name} takes whole numbers in "{taken.name}", and some values are missing.')
    with np.errstate(over="ignore"):  # beyond float32 is infinite to the model
        return np.ascontiguousarray(values, dtype=dtype)


def _column(path: Path, features: Columns, taken: Any, known: Sequence[str] | None) -> Any:
    """One feature as the (n, 1) tensor that the model takes."""
    if taken.name not in features:
        raise BadInput(f'The data has no column "{taken.name}", which the model needs.')
    if taken.type != "tensor(string)":
        return _typed(path, taken, features[taken.name].numbers().reshape(-1, 1))
    coded = features[taken.name].coded()
    texts = ["" if level == MISSING else level for level in coded.levels]
    for level, text in zip(coded.levels, texts, strict=True):
        if known is not None and text not in known:
            raise BadInput(_unknown(path, taken.name, level, known))
    return np.array(texts, dtype=object)[coded.codes].reshape(-1, 1)


def _unknown(path: Path, column: str, level: str, known: Sequence[str]) -> str:
    more = f" and {len(known) - 8:,} more" if len(known) > 8 else ""
    return (
        f'{path.name} does not know the value "{level}" of the column "{column}"; '
        f"it knows {', '.join(known[:8])}{more}."
    )


def _reason(problem: BaseException) -> str:
    """The runtime's message without its error code, its source line and the function that it came from."""
    text = " ".join(str(problem).split()).rsplit(" : ", 1)[-1]
    place = _SOURCE.search(text)
    return (text if place is None else _after_signature(text[place.end() :]))[:300]


def _after_signature(text: str) -> str:
    """What follows a C++ function's name and arguments; all of it where nothing does."""
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and not depth:
            return text[at + 1 :].strip() or text
    return text
