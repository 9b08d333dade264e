"""What is wrong with a text, where it stands, and beside which field of the form it is told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy import Library
from apps.engine.strict_yaml import Document, Path
from apps.gates.guards import faults_of

MOST_TOLD = 50
_PLACED = re.compile(
    r"(?P<file>[^:]*?), line (?P<line>\d+)(?:, column (?P<column>\d+))?: (?P<said>.*)\Z", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One fault: the sentence, line and column (0: of the whole), and what of the document it concerns."""

    said: str
    line: int = 0
    column: int = 0
    path: Path = ()


def document(text: str) -> Document | None:
    """The text as it was read, with the places of its values; None where it cannot be read."""
    try:
        return strict_yaml.read(text.encode(), name="policy.yaml")
    except BadInput:
        return None


def wrong_with(text: str, *, library: Library) -> list[Wrong]:
    """Every fault that lint finds, in the order of the text."""
    told = faults_of(text.encode(), name="policy.yaml", library=library)
    places = _places(document(text))
    return sorted((_wrong(one, places) for one in told), key=lambda w: (w.line, w.column))


def of_sentence(sentence: str) -> Wrong:
    """A refusal with its line and column set apart."""
    return _wrong(sentence, {})


def _wrong(sentence: str, places: Mapping[tuple[int, int], Path]) -> Wrong:
    found = _PLACED.match(sentence)
    if found is None:
        return Wrong(said=sentence)
    line, column = int(found["line"]), int(found["column"] or 1)
    return Wrong(said=found["said"], line=line, column=column, path=places.get((line, column), ()))


def _places(read: Document | None) -> dict[tuple[int, int], Path]:
    """Which value, else which key, stands at a line and column."""
    if read is None:
        return {}
    return {place: path for held in (read.keys_at, read.values_at) for path, place in held.items()}


def beside(wrongs: Iterable[Wrong], paths: Sequence[Path]) -> tuple[dict[Path, list[str]], list[Wrong]]:
    """The faults by the field that they concern, and those that concern none of the fields."""
    held: dict[Path, list[str]] = {}
    rest = []
    for wrong in wrongs:
        mine = [path for path in paths if wrong.path[: len(path)] == path]
        if mine and wrong.path:
            held.setdefault(max(mine, key=len), []).append(wrong.said)
        else:
            rest.append(wrong)
    return held, rest
