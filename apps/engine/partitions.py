"""Parts of a data set summed up apart and merged: what one pass over all of it would have given.

`measure_partition` reads some parts of a data set and gives bytes; `measure_merged` takes the bytes of all
parts and measures. Only checks that rest on summaries can be measured so; the others say so, and
`merged_gates` names them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.engine import slices, table_limits
from apps.engine.columns import Column
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput, Problem, Unmeasurable
from apps.engine.evaluate import measured_gate
from apps.engine.files import parts_digest
from apps.engine.measure import DEVELOPMENT, HOLDOUT
from apps.engine.parts import Parts
from apps.engine.subject import Subject
from apps.engine.summaries.chosen import chosen
from apps.engine.summaries.codec import as_bytes, from_bytes
from apps.engine.summaries.columns import layout_of_column
from apps.engine.summaries.gates import Question, asked, layout_for
from apps.engine.summaries.layout import Layout, columns_of, columnwise, counted
from apps.engine.summaries.reading import gather
from apps.engine.summaries.summary import Summary, merged
from apps.engine.tables import Table

MAGIC = b"countersign-partition/1\n"
_AT_ONCE = 8
Gate = Mapping[str, Any]
Progress = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Partition:
    """What was read of one data set.

    Parameters
    ----------
    dataset : str
        Its name in the manifest.
    columns : tuple of str
        Every column of the file.
    parts : mapping of str to str
        The SHA-256 of each part read, by the part's name; of a slice that of its file.
    every : tuple of str
        The names of all parts or slices, read or not; none where the data set is one file, read whole.
    summaries : mapping of Layout to Summary
        Of the rows of these parts.
    """

    dataset: str
    columns: tuple[str, ...]
    parts: Mapping[str, str]
    every: tuple[str, ...]
    summaries: Mapping[Layout, Summary]


def measure_partition(
    subject: Subject,
    dataset: str,
    gates: Sequence[Gate],
    *,
    parts: Sequence[str] | None = None,
    every: Sequence[str] | None = None,
) -> bytes:
    """Sum up some parts of a data set under all that the gates need of it.

    Parameters
    ----------
    dataset : str
        A data set of the manifest.
    gates : sequence of mapping
        As in `apps.engine.evaluate.measure_gates`.
    parts : sequence of str, optional
        The names of the parts to read; by default all. Of a single file its slices, as `apps.engine.slices`
        names them.
    every : sequence of str, optional
        The names of all parts of the folder, where only some of them lie here.

    Raises
    ------
    BadInput
        There is no such part, or a column cannot be read as the manifest says.
    """
    data = subject.dataset(dataset)
    if data.columns.parts is None:
        raise BadInput(f'The data set "{dataset}" is a CSV, which is not read in parts; save it as Parquet.')
    read = chosen(data, parts)
    found: dict[Layout, Summary] = {}
    for layouts, limit in _passes(subject, data, gates):
        for layout, summary in gather(data, layouts, limit=limit, pieces=read.pieces).items():
            if isinstance(summary, Problem):
                raise summary
            found[layout] = summary
    named = tuple(read.every if every is None or not data.path.is_dir() else every)
    return _written(Partition(dataset, tuple(data.columns), read.digests, named, found))


def merge_partitions(parts: Sequence[bytes]) -> list[bytes]:
    """The bytes of several partitions, merged into one for each data set; parts may still be missing."""
    return [_written(read) for _, read in sorted(_merged(parts).items())]


def about_partition(data: bytes) -> dict[str, Any]:
    """What the bytes of a partition say of themselves: data set, rows, the digest of each part read."""
    read = _read(data)
    rows = next((summary.rows for summary in read.summaries.values()), 0)
    return {"dataset": read.dataset, "rows": rows, "parts": dict(sorted(read.parts.items()))}


def measure_merged(
    subject: Subject, parts: Sequence[bytes], gates: Sequence[Gate], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Measure the gates from the bytes of all parts; the data files are not opened.

    Parameters
    ----------
    subject : Subject
        The manifest, and the artifact where it names one; its data files need not be there.
    parts : sequence of bytes
        From `measure_partition`, in any order, each part of a data set once.

    Returns
    -------
    dict
        The measurement of each gate, as JSON, by gate id.
    """
    return merged_gates(subject, parts, gates, seed=seed)[0]


def merged_gates(
    subject: Subject,
    parts: Sequence[bytes],
    gates: Sequence[Gate],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """As `measure_merged`; and the gates that asked for rows, which only the whole data can answer.

    Parameters
    ----------
    progress : callable, optional
        As in `apps.engine.evaluate.measure_gates`.
    """
    say = progress or (lambda _: None)
    away = _stand_in(subject, parts)
    found: dict[str, dict[str, Any]] = {}
    rows: list[str] = []
    for done, gate in enumerate(gates):
        say({"done": done, "of": len(gates), "gate": gate["id"]})
        for data in away:
            data.asked = False
        found[gate["id"]] = measured_gate(subject, gate, seed)
        rows += [gate["id"]] if any(data.asked for data in away) else []
    say({"done": len(gates), "of": len(gates), "gate": None})
    return found, rows


def _stand_in(subject: Subject, parts: Sequence[bytes]) -> list[Elsewhere]:
    """Put the summaries in the place of each data set that they are of."""
    away = []
    for name, read in _merged(parts).items():
        if name not in subject.datasets:
            raise BadInput(f'The manifest has no data set "{name}", of which a part was summed up.')
        away.append(Elsewhere(subject.datasets[name], read))
        subject.stand_in(away[-1])
        _hold(subject, read)
    return away


class Elsewhere(DataSet):
    """A data set whose files are not here, of which summaries are held.

    Attributes
    ----------
    asked : bool
        Whether rows were asked for, which only the files have.
    """

    large = True
    asked = False

    def __init__(self, data: DataSet, read: Partition) -> None:
        super().__init__(data.spec, data.path, lambda: data.model, data.declared_features)
        missing = [name for name in read.every if name not in read.parts]
        if missing:
            raise BadInput(f'The part "{missing[0]}" of the data set "{self.name}" was not summed up.')
        self._read = read

    @property
    def digest(self) -> str:
        """As of the files: over the bytes, or over the names and digests of the parts."""
        apart = self._read.every and not _sliced(self._read.every)
        found = parts_digest(self._read.parts) if apart else next(iter(self._read.parts.values()))
        if self.spec.sha256 not in (None, found):
            raise BadInput(
                f"{self._called} is not what the manifest names: its SHA-256 is {found}, "
                f"the manifest says {self.spec.sha256}."
            )
        return f"sha256:{found}"

    @property
    def rows(self) -> int:
        """All rows."""
        return next((summary.rows for summary in self._read.summaries.values()), 0)

    @cached_property
    def columns(self) -> Table:
        """The names of the columns; none can be read."""
        return Table(self._read.columns, self._refused, self.rows)

    @property
    def parts(self) -> Parts:
        """None of them is here."""
        raise self._absent_rows()

    def _refused(self, name: str) -> Column:
        raise self._absent_rows()

    def _absent_rows(self) -> Unmeasurable:
        self.asked = True
        return Unmeasurable(
            f'This check takes rows, and of the data set "{self.name}" there are only summaries of parts.',
            status="insufficient",
        )


def _hold(subject: Subject, read: Partition) -> None:
    """Give the subject the summaries, as if it had made them."""
    columns = subject.held.setdefault(("columns", read.dataset), {})
    rows = subject.held.setdefault(("summaries", read.dataset), {})
    for layout, summary in read.summaries.items():
        if layout.alone is None:
            rows[layout] = summary
        else:
            columns[layout.alone] = summary


def _passes(subject: Subject, data: DataSet, gates: Sequence[Gate]) -> Iterator[tuple[list[Layout], int]]:
    """The layouts to gather together, with their limit: those of rows first, then columns, a few at once."""
    rows: dict[Layout, None] = {}
    columns: dict[str, None] = {}
    for question, of in _asked(subject, data, gates):
        if columnwise(question.check):
            columns |= dict.fromkeys(columns_of(data, question.check, of=of))
        else:
            rows[layout_for(data, question, of)] = None
    if rows or not columns:
        yield list(rows) or [Layout((), ())], 0
    names = list(columns)
    for start in range(0, len(names), _AT_ONCE):
        yield (
            [layout_of_column(data, name, None) for name in names[start : start + _AT_ONCE]],
            table_limits.VALUES,
        )


def _asked(subject: Subject, data: DataSet, gates: Sequence[Gate]) -> Iterator[tuple[Question, str]]:
    """What is asked of this data set, and as which side of it."""
    for gate in gates:
        with contextlib.suppress(Problem):
            question = asked(
                subject, gate["check"], gate.get("arguments"), gate.get("dataset") or HOLDOUT,
                reference=gate.get("reference") or DEVELOPMENT,
            )  # fmt: skip
            of = question.names().get(data.name)
            if of is not None and counted(question.check):
                yield question, of


def _merged(parts: Sequence[bytes]) -> dict[str, Partition]:
    """All parts of each data set together."""
    held: dict[str, list[Partition]] = {}
    for data in parts:
        read = _read(data)
        held.setdefault(read.dataset, []).append(read)
    return {name: _joined(found) for name, found in held.items()}


def _joined(found: Sequence[Partition]) -> Partition:
    """Partitions of one data set as one."""
    first, *others = found
    if not others:
        return first
    parts: dict[str, str] = {}
    for read in found:
        if (read.columns, read.every, set(read.summaries)) != (
            first.columns, first.every, set(first.summaries),
        ):  # fmt: skip
            raise BadInput(
                f'Two partitions of "{first.dataset}" were not summed up alike and cannot be merged.'
            )
        if _sliced(first.every) and {*read.parts.values()} != {*first.parts.values()}:
            raise BadInput(f'Two slices of "{first.dataset}" are of different files and cannot be merged.')
        twice = sorted(parts.keys() & read.parts.keys())
        if twice:
            raise BadInput(f'The part "{twice[0]}" of the data set "{first.dataset}" was summed up twice.')
        parts |= read.parts
    summaries = {
        layout: merged(
            [read.summaries[layout] for read in found], limit=table_limits.VALUES if layout.alone else 0
        )
        for layout in first.summaries
    }
    return Partition(first.dataset, first.columns, parts, first.every, summaries)


def _written(read: Partition) -> bytes:
    ordered = sorted(read.summaries.items(), key=lambda item: (item[0].keys, item[0].numbers))
    bodies = [as_bytes(summary) for _, summary in ordered]
    head = {
        "dataset": read.dataset,
        "columns": read.columns,
        "parts": dict(sorted(read.parts.items())),
        "every": read.every,
        "summaries": [
            {"alone": layout.alone, "bytes": len(body)}
            for (layout, _), body in zip(ordered, bodies, strict=True)
        ],
    }
    line = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
    return b"".join((MAGIC, line, b"\n", *bodies))


def _read(data: bytes) -> Partition:
    end = data.find(b"\n", len(MAGIC))
    head: dict[str, Any] = {}
    with contextlib.suppress(ValueError, RecursionError, TypeError):
        head = dict(json.loads(data[len(MAGIC) : max(end, 0)])) if data.startswith(MAGIC) else {}
    try:
        return _partition(head, data, end + 1)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput("These bytes are no summaries of a part of a data set.") from None


def _partition(head: Mapping[str, Any], data: bytes, at: int) -> Partition:
    summaries: dict[Layout, Summary] = {}
    for entry in head["summaries"]:
        found = from_bytes(data[at : at + entry["bytes"]])
        summaries[Layout(found.keys, found.numbers, entry["alone"])] = found
        at += entry["bytes"]
    rows = {summary.rows for summary in summaries.values()}
    if at != len(data) or len(rows) != 1 or not head["parts"]:
        raise ValueError("lengths")
    texts = [head["dataset"], *head["columns"], *head["every"], *head["parts"], *head["parts"].values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("names")
    if not slices.whole(head["every"]) or _sliced(head["parts"]) != _sliced(head["every"]):
        raise ValueError("slices")
    return Partition(head["dataset"], tuple(head["columns"]), head["parts"], tuple(head["every"]), summaries)


def _sliced(names: Iterable[str]) -> bool:
    """Whether names are of slices."""
    return any(map(slices.read, names))
