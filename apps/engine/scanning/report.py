"""What a scan says, and the limits that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["refuse", "note"]
Verdict = Literal["clean", "refused"]

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what is unpacked and read; beyond them content is refused unread.

    `ratio` counts only once more than `ratio_from` bytes come out, so that a small constant file passes.
    """

    members: int = 1_000
    unpacked: int = 4 * GIB
    ratio: int = 100
    ratio_from: int = 16 * MIB
    depth: int = 3
    pickle_ops: int = 200_000
    onnx_nodes: int = 200_000
    onnx_bytes: int = 2 * GIB
    header: int = 10_000_000
    tensors: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing seen: a stable code, where it lies inside the file, and a sentence for a person."""

    code: str
    where: str
    sentence: str
    severity: Severity = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The outcome: `refused` as soon as one finding refuses.

    `files` names further files that belong to the artifact (external tensors), relative to its folder.
    """

    verdict: Verdict
    kind: str
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()


def conclude(kind: str, findings: list[Finding], files: tuple[str, ...] = ()) -> Scan:
    """A `Scan` from its findings."""
    refused = any(f.severity == "refuse" for f in findings)
    return Scan(verdict="refused" if refused else "clean", kind=kind, findings=tuple(findings), files=files)
