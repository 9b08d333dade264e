"""Networks and linear models of ONNX files on any array library: their scores on a GPU, without a runtime.

Only graphs of dense layers and elementwise functions are taken (`OPERATORS`); everything else stays with
onnxruntime. A network counts as the model's only after it has given the model's own scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.artifacts.onnx_graph import Graph, Node, read_graph, scores_before_maps
from apps.engine.columns import FloatArray
from apps.engine.device import Arrays, Moved

Operation = Callable[[Any, Node, Sequence[Any]], Any]
_FLOAT_TYPES = {1: "float32", 11: "float64"}
_MOST_CLASSES = 64


class Network:
    """A graph that is computed by the array API.

    Parameters
    ----------
    graph : Graph
        Of the model, with one input.
    output, column : str, int
        The output that holds the scores, and which of its columns is the score; None for the only one.
    arrays : Arrays
        Where it is computed.
    """

    def __init__(self, graph: Graph, output: str, column: int | None, arrays: Arrays) -> None:
        self._nodes, self._output, self._column = graph.behind(output), output, column
        self._input, self._arrays = graph.inputs[0], arrays
        used = {name for node in self._nodes for name in node.inputs}
        self._constants = {
            name: arrays.hand_in(values)
            for name, values in graph.constants.items()
            if name in used and not isinstance(values, list)
        }

    def __call__(self, matrix: Any) -> Any:
        """The score of each row of a matrix that lies on the device."""
        xp, held = self._arrays.xp, {**self._constants, self._input: matrix}
        for node in self._nodes:
            given = [held[name] for name in node.inputs if name]
            held[node.outputs[0]] = OPERATORS[node.operator](xp, node, given)
        found = held[self._output]
        return xp.reshape(found, (-1,)) if self._column is None else found[:, self._column]


def network(
    graph: Graph | None,
    output: str,
    column: int | None,
    *,
    arrays: Arrays,
    sample: FloatArray,
    scores: FloatArray,
) -> Network | None:
    """The graph as a network on the device; None where it is none, or does not give the model's `scores`."""
    if graph is None or len(graph.inputs) != 1:
        return None
    nodes = graph.behind(output)
    if not nodes or any(node.operator not in OPERATORS or len(node.outputs) != 1 for node in nodes):
        return None
    made = Network(graph, output, column, arrays)
    try:
        found = np.asarray(arrays.hand_out(made(arrays.hand_in(sample))), dtype=np.float64)
    except (KeyError, IndexError, ValueError, TypeError, RuntimeError):
        return None
    return made if found.shape == scores.shape and np.allclose(found, scores, rtol=1e-4, atol=1e-5) else None


def network_of_file(path: Path, arrays: Arrays, sample: FloatArray, scores: FloatArray) -> Moved | None:
    """The file's graph on the device, where one of its outputs gives the `scores` of `sample` there."""
    graph = read_graph(path)
    outputs = [] if graph is None else [*filter(None, [scores_before_maps(graph)]), *graph.outputs]
    for output in outputs:
        for column in (None, *range(_MOST_CLASSES)):
            made = network(graph, output, column, arrays=arrays, sample=sample, scores=scores)
            if made is not None:
                return Moved(made, arrays)
    return None


def _cast(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return xp.astype(given[0], getattr(xp, _FLOAT_TYPES[node.settings["to"]]))


def _gemm(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    a, b = (
        xp.matrix_transpose(value) if node.settings.get(name) else value
        for name, value in zip(("transA", "transB"), given[:2], strict=True)
    )
    made = xp.matmul(a, b) * _number(node, "alpha", 1.0)
    return made if len(given) < 3 else made + given[2] * _number(node, "beta", 1.0)


def _number(node: Node, name: str, default: float) -> float:
    value = node.settings.get(name)
    return default if value is None else float(value)


def _softmax(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    raised = xp.exp(given[0] - xp.max(given[0], axis=-1, keepdims=True))
    return raised / xp.sum(raised, axis=-1, keepdims=True)


def _sigmoid(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return 0.5 * (xp.tanh(0.5 * given[0]) + 1.0)


def _relu(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return xp.clip(given[0], 0.0, None)


def _leaky(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return xp.where(given[0] > 0, given[0], given[0] * _number(node, "alpha", 0.01))


def _scaler(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    """(x - offset) · scale, of the machine-learning operators."""
    offset, scale = (
        xp.asarray(node.settings[name], dtype=given[0].dtype, device=given[0].device)
        for name in ("offset", "scale")
    )
    return (given[0] - offset) * scale


def _concat(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return xp.concat(list(given), axis=node.settings.get("axis") or 0)


def _flat(xp: Any, node: Node, given: Sequence[Any]) -> Any:
    return xp.reshape(given[0], (given[0].shape[0], -1))


OPERATORS: dict[str, Operation] = {
    "Add": lambda xp, node, given: given[0] + given[1],
    "Cast": _cast,
    "Concat": _concat,
    "Div": lambda xp, node, given: given[0] / given[1],
    "Exp": lambda xp, node, given: xp.exp(given[0]),
    "Flatten": _flat,
    "Gemm": _gemm,
    "Identity": lambda xp, node, given: given[0],
    "LeakyRelu": _leaky,
    "MatMul": lambda xp, node, given: xp.matmul(given[0], given[1]),
    "Mul": lambda xp, node, given: given[0] * given[1],
    "Neg": lambda xp, node, given: -given[0],
    "Relu": _relu,
    "Scaler": _scaler,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Sub": lambda xp, node, given: given[0] - given[1],
    "Tanh": lambda xp, node, given: xp.tanh(given[0]),
}
"""Operators of ONNX that a network may use, by name."""
