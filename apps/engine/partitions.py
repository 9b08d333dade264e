"""Parts of a data set summed up apart and merged: what one pass over all of it would have given.

`measure_partition` reads some parts of a data set and gives bytes; `measure_merged` takes the bytes of all
parts and measures. Only checks that rest on summaries can be measured so; the others say so.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from apps.engine import table_limits
from apps.engine.columns import Column
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput, Problem, Unmeasurable
from apps.engine.files import file_digest, parts_digest
from apps.engine.measure import DEVELOPMENT, HOLDOUT, measure
from apps.engine.parts import Parts
from apps.engine.subject import Subject
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
        The SHA-256 of each part read, by the part's name.
    every : tuple of str
        The names of all parts, read or not; none where the data set is one file.
    summaries : mapping of Layout to Summary
        Of the rows of these parts.
    """

    dataset: str
    columns: tuple[str, ...]
    parts: Mapping[str, str]
    every: tuple[str, ...]
    summaries: Mapping[Layout, Summary]


def measure_partition(
    subject: Subject, dataset: str, gates: Sequence[Gate], *, parts: Sequence[str] | None = None
) -> bytes:
    """Sum up some parts of a data set under all that the gates need of it.

    Parameters
    ----------
    dataset : str
        A data set of the manifest.
    gates : sequence of mapping
        As in `apps.engine.evaluate.measure_gates`.
    parts : sequence of str, optional
        The names of the parts to read; by default all.

    Raises
    ------
    BadInput
        There is no such part, or a column cannot be read as the manifest says.
    """
    data = subject.dataset(dataset)
    if data.columns.parts is None:
        raise BadInput(f'The data set "{dataset}" is a CSV, which is not read in parts; save it as Parquet.')
    names = [path.name for path in data.parts.paths]
    wanted = list(names if parts is None else parts)
    for name in wanted:
        if name not in names:
            raise BadInput(f'The data set "{dataset}" has no part "{name}".')
    files = [names.index(name) for name in wanted]
    digests = {name: file_digest(data.parts.paths[i]) for i, name in zip(files, wanted, strict=True)}
    found: dict[Layout, Summary] = {}
    for layouts, limit in _passes(subject, data, gates):
        for layout, summary in gather(data, layouts, limit=limit, files=files).items():
            if isinstance(summary, Problem):
                raise summary
            found[layout] = summary
    every = tuple(names) if data.path.is_dir() else ()
    return _written(Partition(dataset, tuple(data.columns), digests, every, found))


def merge_partitions(parts: Sequence[bytes]) -> list[bytes]:
    """The bytes of several partitions, merged into one for each data set; parts may still be missing."""
    held: dict[str, Partition] = {}
    for data in parts:
        read = _read(data)
        held[read.dataset] = _joined(held[read.dataset], read) if read.dataset in held else read
    return [_written(held[name]) for name in sorted(held)]


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
    held = {read.dataset: read for read in (_read(data) for data in merge_partitions(parts))}
    for name, read in held.items():
        if name not in subject.datasets:
            raise BadInput(f'The manifest has no data set "{name}", of which a part was summed up.')
        subject.stand_in(Elsewhere(subject.datasets[name], read))
        _hold(subject, read)
    return {gate["id"]: _measured(subject, gate, seed) for gate in gates}


def _measured(subject: Subject, gate: Gate, seed: int) -> dict[str, Any]:
    return measure(
        gate["check"],
        subject,
        dataset=gate.get("dataset") or HOLDOUT,
        reference=gate.get("reference") or DEVELOPMENT,
        arguments=gate.get("arguments"),
        seed=seed,
    ).as_json()


class Elsewhere(DataSet):
    """A data set whose files are not here, of which summaries are held."""

    large = True

    def __init__(self, data: DataSet, read: Partition) -> None:
        super().__init__(data.spec, data.path, lambda: data.model, data.declared_features)
        missing = [name for name in read.every if name not in read.parts]
        if missing:
            raise BadInput(f'The part "{missing[0]}" of the data set "{self.name}" was not summed up.')
        self._read = read

    @property
    def digest(self) -> str:
        """As of the files: over the bytes, or over the names and digests of the parts."""
        found = parts_digest(self._read.parts) if self._read.every else next(iter(self._read.parts.values()))
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


def _joined(first: Partition, second: Partition) -> Partition:
    """Both together."""
    same = (first.columns, first.every, set(first.summaries)) == (
        second.columns, second.every, set(second.summaries),
    )  # fmt: skip
    if not same:
        raise BadInput(f'Two partitions of "{first.dataset}" were not summed up alike and cannot be merged.')
    twice = sorted(set(first.parts) & set(second.parts))
    if twice:
        raise BadInput(f'The part "{twice[0]}" of the data set "{first.dataset}" was summed up twice.')
    summaries = {
        layout: merged([held, second.summaries[layout]], limit=table_limits.VALUES if layout.alone else 0)
        for layout, held in first.summaries.items()
    }
    return replace(first, parts={**first.parts, **second.parts}, summaries=summaries)


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
    return Partition(head["dataset"], tuple(head["columns"]), head["parts"], tuple(head["every"]), summaries)
