"""Safetensors and NumPy headers: sizes that hold, no objects."""

from __future__ import annotations

import ast
import json
import math
import re
from typing import Any, TypeGuard

from apps.engine.scanning.report import Finding, Limits

_NPY_HEADER = 1 << 16
_PLAIN = re.compile(r"[<>|=]?([?bBhHiIlLqQefdgFDGSUVmMcu])(\d+)")
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4,
    "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


def safetensors_findings(data: Any, where: str, limits: Limits) -> list[Finding]:
    """Findings on a safetensors header: its length, its tensors, their places."""
    size = int.from_bytes(data[:8], "little")
    if size > limits.header or size > len(data) - 8:
        return [_found("header", where, f"states a header of {size} bytes")]
    try:
        header = json.loads(bytes(data[8 : 8 + size]), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return [_found("damaged", where, "has a header that is not JSON, or names something twice")]
    tensors = {k: v for k, v in header.items() if k != "__metadata__"} if isinstance(header, dict) else {}
    if len(tensors) > limits.tensors:
        return [_found("tensors", where, f"holds more than {limits.tensors} tensors")]
    if not isinstance(header, dict) or not _plain_texts(header.get("__metadata__", {})):
        return [_found("damaged", where, "has metadata that are no plain texts")]
    if not _filled(list(tensors.values()), len(data) - 8 - size):
        return [_found("damaged", where, "has tensors that do not fill its data exactly, one after another")]
    return []


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _plain_texts(metadata: Any) -> bool:
    return isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())


def _filled(tensors: list[Any], room: int) -> bool:
    """Whether the tensors lie one after another, each as long as it says, with nothing beside them."""
    spans = [_span(entry) for entry in tensors]
    at = 0
    for span in sorted(span for span in spans if span is not None):
        if span[0] != at:
            return False
        at = span[1]
    return None not in spans and at == room


def _span(entry: Any) -> tuple[int, int] | None:
    """Where a tensor lies; None where its length is not that of its shape."""
    if not isinstance(entry, dict):
        return None
    places, shape, bits = entry.get("data_offsets"), entry.get("shape"), _BITS.get(str(entry.get("dtype")))
    if not (_whole_numbers(places) and len(places) == 2 and _whole_numbers(shape)) or bits is None:
        return None
    first, last = places
    return (first, last) if (last - first) * 8 == math.prod(shape) * bits else None


def _whole_numbers(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def npy_findings(data: Any, where: str) -> list[Finding]:
    """Findings on one ``.npy``: objects inside (a pickle), or a shape larger than the data."""
    wide = data[6] >= 2 if len(data) > 10 else False
    start = 12 if wide else 10
    size = int.from_bytes(data[8:start], "little")
    if size > min(_NPY_HEADER, len(data)):
        return [_found("header", where, f"states a header of {size} bytes")]
    try:
        header = ast.literal_eval(bytes(data[start : start + size]).decode("latin-1").strip())
        descr, shape = repr(header["descr"]), header["shape"]
        count = math.prod(int(n) for n in shape)
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError):
        return [_found("damaged", where, "has a header that cannot be read")]
    if "O" in descr:
        return [
            _found("pickle", where, "is a NumPy array of objects, a pickle inside; loading it can run code")
        ]
    if count < 0 or count > len(data):
        return [_found("header", where, f"states {count} values and holds {len(data)} bytes")]
    plain = _PLAIN.fullmatch(descr.strip("'"))
    each = int(plain[2]) * (4 if plain[1] == "U" else 1) if plain else None
    if each is not None and count * each != len(data) - start - size:
        return [_found("damaged", where, f"states {count} values and holds something else behind them")]
    return []


def _found(code: str, where: str, what: str) -> Finding:
    return Finding(code=code, where=where, sentence=f"{where} {what}.")
