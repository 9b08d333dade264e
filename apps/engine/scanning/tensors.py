"""Safetensors and NumPy headers: sizes that hold, no objects."""

from __future__ import annotations

import ast
import json
import math
from typing import Any

from apps.engine.scanning.report import Finding, Limits

_NPY_HEADER = 1 << 16


def safetensors_findings(data: Any, where: str, limits: Limits) -> list[Finding]:
    """Findings on a safetensors header: its length, its tensors, their places."""
    size = int.from_bytes(data[:8], "little")
    if size > limits.header or size > len(data) - 8:
        return [_found("header", where, f"states a header of {size} bytes")]
    try:
        header = json.loads(bytes(data[8 : 8 + size]))
    except (ValueError, RecursionError):
        return [_found("damaged", where, "has a header that is not JSON")]
    tensors = {k: v for k, v in header.items() if k != "__metadata__"} if isinstance(header, dict) else {}
    if len(tensors) > limits.tensors:
        return [_found("tensors", where, f"holds more than {limits.tensors} tensors")]
    room = len(data) - 8 - size
    if not all(_placed(entry, room) for entry in tensors.values()):
        return [_found("damaged", where, "has a tensor outside its data")]
    return []


def _placed(entry: Any, room: int) -> bool:
    places = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not (isinstance(places, list) and len(places) == 2 and all(isinstance(p, int) for p in places)):
        return False
    first, last = (int(p) for p in places)
    return 0 <= first <= last <= room


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
    return []


def _found(code: str, where: str, what: str) -> Finding:
    return Finding(code=code, where=where, sentence=f"{where} {what}.")
