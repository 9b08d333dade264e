"""ONNX by its wire format: operator domains, external tensors, size; nothing is loaded."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.engine.scanning.report import Finding, Limits, Severity
from apps.engine.scanning.wire import BYTES, Malformed, fields, text

STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
# What draws numbers gives other scores each time, with a seed too: nothing measured of it could be repeated.
CHANCE = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_GRAPH, _OPSETS, _FUNCTIONS = 7, 8, 25
_KNOWN = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26})
_DEEPEST = 32


@dataclass(slots=True)
class _Seen:
    nodes: int = 0
    operators: set[tuple[str, str]] = field(default_factory=set)
    defined: set[tuple[str, str]] = field(default_factory=set)
    external: set[str] = field(default_factory=set)


def looks_like_onnx(data: Any) -> bool:
    """True where the top level is an ONNX ModelProto: known fields only, with a graph and its opsets."""
    try:
        numbers = {number for number, *_ in fields(data, 0, len(data))}
    except Malformed:
        return False
    return {_GRAPH, _OPSETS} <= numbers <= _KNOWN


def onnx_findings(
    data: Any, where: str, folder: Path | None, limits: Limits
) -> tuple[list[Finding], list[str]]:
    """Findings, and the external data files that belong to the model (relative to `folder`)."""
    if len(data) > limits.onnx_bytes:
        return [_found("onnx-size", where, f"is larger than {limits.onnx_bytes} bytes")], []
    seen = _Seen()
    try:
        _model(data, seen, limits)
    except Malformed as error:
        return [_found("damaged", where, f"is damaged: {error}")], []
    found: list[Finding] = []
    if seen.nodes > limits.onnx_nodes:
        found.append(_found("onnx-nodes", where, f"has more than {limits.onnx_nodes} nodes"))
    for domain, op in sorted(seen.operators):
        if domain not in STANDARD and (domain, op) not in seen.defined:
            found.append(
                _found("custom-operator", where, f'needs native code: operator {op} of domain "{domain}"')
            )
        elif domain in STANDARD and op in CHANCE:
            found.append(_found("chance", where, f"draws random numbers: operator {op}"))
    for location in sorted(seen.external):
        found.extend(_external(location, where, folder))
    return found, sorted(seen.external)


def _found(code: str, where: str, what: str, severity: Severity = "refuse") -> Finding:
    return Finding(code=code, where=where, sentence=f"{where} {what}.", severity=severity)


def _external(location: str, where: str, folder: Path | None) -> list[Finding]:
    parts = Path(location).parts
    outside = not location or Path(location).is_absolute() or ".." in parts or "\\" in location
    if outside or folder is None:
        return [_found("external-data", where, f'keeps tensors outside its folder: "{location}"')]
    target = folder / location
    try:
        steps = [folder.joinpath(*parts[: i + 1]) for i in range(len(parts))]
        if any(step.is_symlink() for step in steps):
            return [_found("external-data", where, f'keeps tensors behind a link: "{location}"')]
        info = target.stat()
    except (OSError, ValueError):
        return [_found("external-data", where, f'names a tensor file that is not there: "{location}"')]
    if not stat.S_ISREG(info.st_mode) or info.st_nlink > 1:
        return [
            _found("external-data", where, f'keeps tensors in a hard link or no plain file: "{location}"')
        ]
    return [_found("external-data", where, f'keeps tensors in "{location}" beside it', "note")]


def _model(data: Any, seen: _Seen, limits: Limits) -> None:
    for number, kind, a, b in fields(data, 0, len(data)):
        if kind == BYTES and number == _GRAPH:
            _graph(data, a, b, seen, limits, 0)
        elif kind == BYTES and number == _FUNCTIONS:
            _function(data, a, b, seen, limits)


def _function(data: Any, start: int, end: int, seen: _Seen, limits: Limits) -> None:
    domain = name = ""
    for number, kind, a, b in fields(data, start, end):
        if kind == BYTES and number == 7:
            _node(data, a, b, seen, limits, 0)
        elif kind == BYTES and number == 1:
            name = text(data, a, b)
        elif kind == BYTES and number == 10:
            domain = text(data, a, b)
    seen.defined.add((domain, name))


def _graph(data: Any, start: int, end: int, seen: _Seen, limits: Limits, depth: int) -> None:
    if depth > _DEEPEST:
        raise Malformed("graphs nested too deeply")
    for number, kind, a, b in fields(data, start, end):
        if kind == BYTES and number == 1:
            _node(data, a, b, seen, limits, depth)
        elif kind == BYTES and number == 5:
            _tensor(data, a, b, seen)
        elif kind == BYTES and number == 15:
            _sparse(data, a, b, seen)
        if seen.nodes > limits.onnx_nodes:
            return


def _node(data: Any, start: int, end: int, seen: _Seen, limits: Limits, depth: int) -> None:
    seen.nodes += 1
    domain = operator = ""
    for number, kind, a, b in fields(data, start, end):
        if kind != BYTES:
            continue
        if number == 4:
            operator = text(data, a, b)
        elif number == 7:
            domain = text(data, a, b)
        elif number == 5:
            _attribute(data, a, b, seen, limits, depth)
    seen.operators.add((domain, operator))


def _attribute(data: Any, start: int, end: int, seen: _Seen, limits: Limits, depth: int) -> None:
    for number, kind, a, b in fields(data, start, end):
        if kind != BYTES:
            continue
        if number in (6, 11):
            _graph(data, a, b, seen, limits, depth + 1)
        elif number in (5, 10):
            _tensor(data, a, b, seen)
        elif number in (22, 23):
            _sparse(data, a, b, seen)


def _sparse(data: Any, start: int, end: int, seen: _Seen) -> None:
    for number, kind, a, b in fields(data, start, end):
        if kind == BYTES and number in (1, 2):
            _tensor(data, a, b, seen)


def _tensor(data: Any, start: int, end: int, seen: _Seen) -> None:
    elsewhere, locations = False, set()
    for number, kind, a, b in fields(data, start, end):
        if kind == BYTES and number == 13:
            entry = {n: text(data, x, y) for n, k, x, y in fields(data, a, b) if k == BYTES}
            if entry.get(1) == "location":
                locations.add(entry.get(2, ""))
        elif kind != BYTES and number == 14:
            elsewhere = a == 1
    seen.external.update(locations or ({""} if elsewhere else set()))
