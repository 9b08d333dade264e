"""The trusted side of a conversion: two children in turn, and nothing taken on trust from the first."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.engine.child import Limits, in_child
from apps.engine.conversion import taken_out
from apps.engine.errors import BadInput

LIMITS = Limits(wall_s=180, cpu_s=120, memory=8 << 30, file_bytes=1 << 30, required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What came of a conversion.

    Parameters
    ----------
    data : bytes
        The new file.
    findings : sequence of str
        What the scanner says of the given file.
    said : mapping
        ``estimator``, ``features`` and ``names`` as the converting process says: a claim.
    equivalence : mapping
        The largest difference between the scores that were claimed and those of the new file, measured.
    """

    data: bytes
    format: str
    findings: Sequence[str]
    said: Mapping[str, Any]
    equivalence: Mapping[str, Any]
    walls: Mapping[str, str]


def converted(given: Path) -> Converted:
    """Convert a file that is code into one that is data.

    Raises
    ------
    BadInput
        It cannot be converted, or what came out is no model, can run code itself, or scores otherwise.
    """
    findings = examined(given)
    with tempfile.TemporaryDirectory(prefix="converting-") as outer:
        writing, kept = Path(outer) / "writing", Path(outer) / "kept"
        writing.mkdir(mode=0o700)
        kept.mkdir(mode=0o700)
        task = {"do": "convert", "files": {"given": str(given)}, "out": str(writing / "model")}
        answer = _done(task, writing)
        said, made = answer["result"], kept / "model"
        taken_out(writing / "model", made)
        task = {"do": "compare", "files": {"made": str(made)}, "claimed": said}
        equivalence = dict(_done(task, kept)["result"])
        _same(equivalence)
        return Converted(
            data=made.read_bytes(),
            format=str(equivalence.pop("format")),
            findings=findings,
            said=_claims(said),
            equivalence=equivalence,
            walls=answer["walls"],
        )


def examined(given: Path) -> list[str]:
    """What the scanner says of a file that may be converted, in a process of its own.

    Raises
    ------
    BadInput
        It holds data alone, or is of a kind that is not converted here.
    """
    with tempfile.TemporaryDirectory(prefix="examining-") as folder:
        answer = _done({"do": "examine", "files": {"given": str(given)}}, Path(folder))
        return [str(sentence) for sentence in answer["result"]["findings"]]


def _done(task: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    answer = in_child({**task, "manifest": str(folder / "model.yaml"), "device": "cpu"}, limits=LIMITS)
    if answer["status"] != "done" or not isinstance(answer.get("result"), dict):
        raise BadInput(str(answer.get("reason") or "The conversion gave no answer."))
    return answer


def _same(equivalence: Mapping[str, Any]) -> None:
    if equivalence["beyond"]:
        raise BadInput(
            f"The converted model is another one: {equivalence['beyond']} of {equivalence['rows']} made-up "
            f"rows score differently by more than {equivalence['tolerance']:g}, the largest by "
            f"{equivalence['largest_difference']:.6g}."
        )


def _claims(said: Mapping[str, Any]) -> dict[str, Any]:
    """The words of the converting process, cut to plain short ones."""
    names = said.get("names")
    return {
        "estimator": _short(said.get("estimator")),
        "features": said.get("features"),
        "names": [_short(name) for name in names[:10_000]] if isinstance(names, list) else None,
    }


def _short(text: Any) -> str:
    return "".join(letter for letter in str(text)[:200] if letter.isprintable())
