"""What an evidence pack of a vendor tells, held against the checklist of a vendor's documentation.

Nothing of a pack is read before all of it is verified under keys that the buyer pinned. What it tells is the
vendor's word: whoever buys learns what was measured and decided there, not that it holds for their customers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from apps.engine.canonical import read_json
from apps.engine.errors import BadInput
from apps.engine.statement import NotGenuine
from apps.engine.verified import Question
from apps.engine.verify_pack import examine_pack
from apps.engine.verify_pack_files import MANIFEST, PackFiles

DECISION: Final = "https://countersign.dev/decision/v1"
DOCUMENT: Final = "https://countersign.dev/model-document/v1"
NOTICE: Final = "https://countersign.dev/change-notice/v1"
LONGEST_NOTE: Final = 600
# The item of the checklist that the measurements of a family of checks speak to.
_FAMILIES: Final = {
    "performance": "performance",
    "calibration": "performance",
    "fairness": "fairness",
    "explainability": "explanations",
    "explanation": "explanations",
    "security": "security",
    "stability": "monitoring",
    "drift": "monitoring",
}
_MEASURED: Final = frozenset({"pass", "warn", "fail"})
_DOCUMENTS: Final = {
    "development-document": ("assumptions", "development_data"),
    "data-sheet": ("development_data",),
    "user-guide": ("limits",),
    "monitoring-plan": ("monitoring",),
}
Answers = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorPack:
    """A genuine pack of one model: which model, when it was made, and what it tells by item.

    Parameters
    ----------
    answers : mapping
        By the id of an item, ``{"met": "yes" or "partly", "note": …}``; what it does not tell is left out.
    """

    model: str
    made: str
    says: Sequence[tuple[str, str]]
    answers: Answers


def read_vendor_pack(place: Path | IO[bytes], question: Question) -> VendorPack:
    """The pack, all of it verified under the pinned keys of the question.

    Raises
    ------
    BadInput
        Where no keys are pinned, or it is no archive.
    NotGenuine
        Naming the first thing that is wrong, or that it is no pack of one model.
    """
    if question.keys is None:
        raise BadInput("Give the vendor's keys: those inside a pack prove nothing.")
    verified = examine_pack(place, question)
    files = PackFiles(place)
    try:
        scope = read_json(files.read(MANIFEST), what="The manifest")["scope"]
        if scope.get("kind") != "model":
            raise NotGenuine(f"It is a pack of a {scope.get('kind')}, and not of one model.")
        answers = told_by(_statements(files))
    finally:
        files.close()
    made = dict(verified.says)["made"]
    return VendorPack(model=str(scope["model"]), made=made, says=verified.says, answers=answers)


def _statements(files: PackFiles) -> Iterator[Mapping[str, Any]]:
    for name in sorted(files.sizes):
        if name.startswith("facts/"):
            for line in files.lines(name):
                yield read_json(line, what=name)


def told_by(statements: Iterator[Mapping[str, Any]]) -> Answers:
    """What statements tell, by the items that they speak to.

    A gate that was measured answers its item, however it came out; documents and data sets stand in a pack by
    their digests alone, so that they answer in part.

    Examples
    --------
    >>> gate = {"id": "auc", "check": "performance.auc", "outcome": "fail", "evidence": "sha256:0"}
    >>> said = {"decided_at": "2026-03-01", "purpose": "approval", "gates": [gate]}
    >>> told_by(iter([{"predicateType": DECISION, "predicate": said}]))["performance"]
    {'met': 'yes', 'note': 'The vendor measured auc: fail.'}
    """
    notes: dict[str, list[str]] = {}
    measured: set[str] = set()
    newest: Mapping[str, Any] = {}
    for statement in statements:
        kind, said = statement.get("predicateType"), statement["predicate"]
        if kind == DECISION and said.get("purpose") == "monitoring":
            measured.add("monitoring")
            notes.setdefault("monitoring", []).append(f"it in production: {said.get('outcome')}")
        elif kind == DECISION and str(said.get("decided_at")) > str(newest.get("decided_at", "")):
            newest = said
        elif kind == DOCUMENT:
            for item in _DOCUMENTS.get(str(said.get("kind")), ()):
                notes.setdefault(item, []).append(
                    f"Named by digest: {said.get('title')} {said.get('digest')}."
                )
        elif kind == NOTICE:
            notes.setdefault("change_notices", []).append(f"The vendor told of {said.get('announces')}.")
    for item, gate in _gates(newest):
        if gate.get("evidence") and gate.get("outcome") in _MEASURED:
            measured.add(item)
        notes.setdefault(item, []).append(f"{gate.get('id')}: {gate.get('outcome')}")
    return {item: _answer(item, found, item in measured) for item, found in sorted(notes.items())}


def _gates(decision: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for gate in decision.get("gates") or ():
        item = _FAMILIES.get(str(gate.get("check")).partition(".")[0])
        if item is not None and gate.get("outcome") != "not_applicable":
            yield item, gate


def _answer(item: str, found: Sequence[str], measured: bool) -> dict[str, str]:
    words = "; ".join(one.rstrip(".") for one in found)
    note = f"The vendor measured {words}." if measured else f"{words}."
    return {"met": "yes" if measured else "partly", "note": _short(note)}


def _short(text: str) -> str:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= LONGEST_NOTE else f"{plain[: LONGEST_NOTE - 1]}…"
