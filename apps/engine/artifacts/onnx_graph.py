"""The graph of an ONNX file: its nodes, constants and class labels, read without the onnx package."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.scanning.wire import BYTES, FIXED32, FIXED64, VARINT, Malformed, fields, text, varint

Tensor = npt.NDArray[Any]
_TYPES = {1: "<f4", 6: "<i4", 7: "<i8", 10: "<f2", 11: "<f8"}
_STRINGS, _BOOLS = 8, 9
_RESHAPING = ("Flatten", "Gather", "Identity", "Reshape", "Squeeze", "Unsqueeze")


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: what it takes, gives, and its settings (numbers, texts, arrays, tensors)."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(slots=True)
class Graph:
    """Nodes in order, constants by name, and the names of inputs and outputs."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Tensor | list[str]] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def behind(self, output: str) -> list[Node]:
        """The nodes that `output` rests on, in order."""
        wanted, found = {output}, []
        for node in reversed(self.nodes):
            if wanted.intersection(node.outputs):
                found.append(node)
                wanted.update(node.inputs)
        return found[::-1]


def read_graph(path: Path) -> Graph | None:
    """The graph of an ONNX file; None where its bytes are not one that can be read."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            parts = [(a, b) for n, k, a, b in fields(data, 0, len(data)) if n == 7 and k == BYTES]
            return _graph(data, *parts[0]) if len(parts) == 1 else None
    except (OSError, Malformed, ValueError, struct.error):
        return None


def class_labels(graph: Graph) -> list[Any] | None:
    """The classes in the order of the scores: a classifier's own, or the constant its label is taken from.

    None where the graph does not say, or says two things.
    """
    found = {tuple(labels) for node in graph.nodes if (labels := _labels(node, graph))}
    return list(found.pop()) if len(found) == 1 else None


def known_categories(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The texts that an input may hold, where the graph makes nothing of any other.

    An encoder that says what becomes of the others (zeros, a default) knows them all.
    """
    found: dict[str, tuple[str, ...]] = {}
    for node in graph.nodes:
        texts, open_to_others = (), True
        if node.operator == "OneHotEncoder":
            texts, open_to_others = (
                node.settings.get("cats_strings") or (),
                node.settings.get("zeros", 1) != 0,
            )
        elif node.operator == "LabelEncoder":
            texts = node.settings.get("keys_strings") or ()
            open_to_others = any(name.startswith("default_") for name in node.settings)
        if texts and not open_to_others and (origin := _origin(graph, node.inputs[0])) in graph.inputs:
            found[origin] = tuple(texts)
    return found


def _origin(graph: Graph, name: str) -> str:
    """The tensor that this one only repeats in another shape."""
    made = {output: node for node in graph.nodes for output in node.outputs}
    for _ in graph.nodes:
        node = made.get(name)
        if node is None or node.operator not in _RESHAPING:
            break
        name = node.inputs[0]
    return name


def scores_before_maps(graph: Graph) -> str | None:
    """The tensor of scores that the graph's only ZipMap turns into one dictionary a row; None without one."""
    maps = [node for node in graph.nodes if node.operator == "ZipMap"]
    return maps[0].inputs[0] if len(maps) == 1 and maps[0].outputs[0] in graph.outputs else None


def with_output(model: bytes, name: str) -> bytes:
    """The same model that also gives this tensor of its graph."""
    parts = [(a, b) for n, k, a, b in fields(model, 0, len(model)) if n == 7 and k == BYTES]
    start, end = parts[0]
    named = _message(1, name.encode())
    graph = model[start:end] + _message(12, named)
    head = start - 1 - len(_varint(end - start))
    return model[:head] + _message(7, graph) + model[end:]


def _message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | BYTES]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _labels(node: Node, graph: Graph) -> Sequence[Any]:
    for name in ("classlabels_ints", "classlabels_int64s", "classlabels_strings"):
        if len(node.settings.get(name, ())):
            return list(node.settings[name])
    chosen = graph.constants.get(node.inputs[0], ()) if node.operator == "ArrayFeatureExtractor" else ()
    return list(np.ravel(np.asarray(chosen))) if len(chosen) else ()


def _graph(data: Any, start: int, end: int) -> Graph:
    graph = Graph()
    for number, kind, a, b in fields(data, start, end):
        if kind != BYTES:
            continue
        if number == 1:
            graph.nodes.append(_node(data, a, b))
        elif number == 5:
            name, tensor = _tensor(data, a, b)
            graph.constants[name] = tensor
        elif number in (11, 12):
            (graph.inputs if number == 11 else graph.outputs).append(_name(data, a, b))
    graph.inputs = [name for name in graph.inputs if name not in graph.constants]
    return graph


def _name(data: Any, start: int, end: int) -> str:
    return next((text(data, a, b) for n, k, a, b in fields(data, start, end) if n == 1 and k == BYTES), "")


def _node(data: Any, start: int, end: int) -> Node:
    operator, settings = "", {}
    inputs: list[str] = []
    outputs: list[str] = []
    for number, kind, a, b in fields(data, start, end):
        if kind != BYTES:
            continue
        if number in (1, 2):
            (inputs if number == 1 else outputs).append(text(data, a, b))
        elif number == 4:
            operator = text(data, a, b)
        elif number == 5:
            name, value = _setting(data, a, b)
            settings[name] = value
    return Node(operator, tuple(inputs), tuple(outputs), settings)


def _setting(data: Any, start: int, end: int) -> tuple[str, Any]:
    name = ""
    one: Any = None
    many: list[Any] = []
    for number, kind, a, b in fields(data, start, end):
        if number == 1 and kind == BYTES:
            name = text(data, a, b)
        elif number == 2:
            one = _single(a)
        elif number == 3:
            one = _signed(a)
        elif number == 4 and kind == BYTES:
            one = text(data, a, b)
        elif number == 5 and kind == BYTES:
            one = _tensor(data, a, b)[1]
        elif number in (7, 8, 9):
            many += _several(data, number, kind, a, b)
    return name, many or one


def _several(data: Any, number: int, kind: int, a: int, b: int) -> list[Any]:
    if number == 9:
        return [text(data, a, b)]
    if number == 7:
        return [_single(a)] if kind == FIXED32 else np.frombuffer(bytes(data[a:b]), "<f4").tolist()
    return [_signed(a)] if kind == VARINT else _packed(data, a, b)


def _tensor(data: Any, start: int, end: int) -> tuple[str, Tensor | list[str]]:
    """A tensor's name and values; texts as a list."""
    name, kind_of, raw = "", 0, b""
    shape: list[int] = []
    values: list[Any] = []
    for number, kind, a, b in fields(data, start, end):
        if number == 1:
            shape += [_signed(a)] if kind == VARINT else _packed(data, a, b)
        elif number == 2:
            kind_of = a
        elif number == 8 and kind == BYTES:
            name = text(data, a, b)
        elif number == 9 and kind == BYTES:
            raw = bytes(data[a:b])
        else:
            values += _typed(data, number, kind, a, b)
    return name, _made(kind_of, shape, raw, values)


def _typed(data: Any, number: int, kind: int, a: int, b: int) -> list[Any]:
    """Values of a tensor that are not raw bytes."""
    if number == 6 and kind == BYTES:
        return [text(data, a, b)]
    if number == 4:
        return [_single(a)] if kind == FIXED32 else np.frombuffer(bytes(data[a:b]), "<f4").tolist()
    if number == 10:
        return (
            [struct.unpack("<d", a.to_bytes(8, "little"))[0]]
            if kind == FIXED64
            else np.frombuffer(bytes(data[a:b]), "<f8").tolist()
        )
    if number in (5, 7):
        return [_signed(a)] if kind == VARINT else _packed(data, a, b)
    return []


def _made(kind: int, shape: Sequence[int], raw: bytes, values: list[Any]) -> Tensor | list[str]:
    if kind == _STRINGS:
        return values
    if kind == _BOOLS:
        return np.array(list(raw) or values, dtype=bool).reshape(shape)
    if kind not in _TYPES:
        return np.zeros(0)
    made = np.frombuffer(raw, _TYPES[kind]) if raw else np.array(values, _TYPES[kind])
    return made.reshape(shape)


def _single(bits: int) -> float:
    return float(struct.unpack("<f", bits.to_bytes(4, "little"))[0])


def _packed(data: Any, at: int, end: int) -> list[int]:
    found = []
    while at < end:
        value, at = varint(data, at, end)
        found.append(_signed(value))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
