"""Checks of large data sets: from summaries where they can be, from a sample where rows are needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.engine import arguments as args
from apps.engine import table_limits
from apps.engine.catalogue import find
from apps.engine.catalogue.spec import Check
from apps.engine.dataset import DataSet
from apps.engine.errors import Problem, Unmeasurable
from apps.engine.subject import Subject
from apps.engine.summaries import bounds
from apps.engine.summaries.columns import Tallied
from apps.engine.summaries.grid import GRIDS
from apps.engine.summaries.layout import REFERENCE, Layout, columnwise, counted, layout_of, needed
from apps.engine.summaries.reading import gather
from apps.engine.summaries.sample import Sample, sample_of
from apps.engine.summaries.standing import Standing
from apps.engine.summaries.summary import Summary
from apps.engine.values import Measured

SAMPLED = frozenset({"explainability", "robustness", "operations"})
SAMPLED_CHECKS = frozenset(
    {"fairness.consistency", "fairness.proxy_strength", "fairness.less_discriminatory_alternative"}
)
_ROWS_READ = ("score", "label", "target", "predicted", "selected", "deserving", "weight", "period")


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A check with its arguments, and the data sets that it is asked of."""

    check: Check
    arguments: Mapping[str, Any]
    dataset: str
    reference: str

    def names(self) -> dict[str, str]:
        """The data sets that it reads, each with the first word of what it reads of it."""
        names = {self.dataset: ""} if needed(self.check.needs) else {}
        if any(need.startswith(REFERENCE) for need in self.check.needs):
            names.setdefault(self.reference, REFERENCE)
        return names

    def sides(self, subject: Subject) -> dict[str, str]:
        """Those of them that are large."""
        known = subject.datasets
        return {name: of for name, of in self.names().items() if name in known and known[name].large}


def prepare(subject: Subject, gates: Iterable[Mapping[str, Any]], *, dataset: str, reference: str) -> None:
    """Sum up each large data set under all that the gates need, in one pass.

    Parameters
    ----------
    gates : iterable of mapping
        As in `apps.engine.evaluate.measure_gates`; one that cannot be asked is left to be refused there.
    dataset, reference : str
        Where a gate names none.
    """
    wanted: dict[str, list[Layout]] = {}
    for gate in gates:
        try:
            question = asked(
                subject, gate["check"], gate.get("arguments"), gate.get("dataset") or dataset,
                reference=gate.get("reference") or reference,
            )  # fmt: skip
            sides = question.sides(subject)
            if not counted(question.check) or columnwise(question.check):
                continue
            for name, of in sides.items():
                wanted.setdefault(name, []).append(layout_for(subject.datasets[name], question, of))
        except Problem:
            continue
    for name, layouts in wanted.items():
        _summaries(subject, name, layouts)


def asked(
    subject: Subject, check_id: str, arguments: Mapping[str, Any] | None, dataset: str, *, reference: str
) -> Question:
    """The question, its arguments checked."""
    check = find(check_id)
    protected = subject.manifest.dataset(dataset).protected
    return Question(check, args.resolve(check, arguments, protected=protected), dataset, reference)


def standing(subject: Subject, question: Question) -> dict[str, DataSet]:
    """What stands in for each large data set that the check reads.

    Raises
    ------
    Unmeasurable
        Insufficient: the check takes rows, and there are too many.
    BadInput
        A file or a column cannot be used as given.
    """
    return {name: _stands(subject, question, name, of) for name, of in question.sides(subject).items()}


def _stands(subject: Subject, question: Question, name: str, of: str) -> DataSet:
    data, check = subject.datasets[name], question.check
    if counted(check) and not columnwise(check):
        layout = layout_for(data, question, of)
        found = _summaries(subject, name, [layout])[layout]
        if isinstance(found, Problem):
            raise found
        if not found.full:
            return Standing(data, found)
    elif counted(check) and (data.spec.weight is None or "weight" not in needed(check.needs, of=of)):
        return Tallied(data, subject.held.setdefault(("columns", name), {}))
    elif check.family in SAMPLED or check.id in SAMPLED_CHECKS:
        return _sample(subject, name)
    _room(data, question, of)
    return data


def _room(data: DataSet, question: Question, of: str) -> None:
    """Refuse rows that would not fit."""
    needs = needed(question.check.needs, of=of)
    columns = sum(need in needs for need in _ROWS_READ) + len(data.spec.protected) * ("protected" in needs)
    if "columns" in needs:
        columns += len(data.columns)
    elif "features" in needs:
        columns += len(data.declared_features or ())
    if data.rows * max(1, columns) > table_limits.HELD_VALUES:
        raise Unmeasurable(
            f'The data set "{data.name}" has {data.rows:,} rows, of which {question.check.id} would hold '
            f"{columns} columns; at most {table_limits.HELD_VALUES:,} values are held at once.",
            status="insufficient",
        )


def layout_for(data: DataSet, question: Question, of: str) -> Layout:
    """What a summary must keep for a question; for both sides of it where they are one data set."""
    found = layout_of(data, question.check, question.arguments, of=of)
    if of or question.reference != data.name:
        return found
    more = layout_of(data, question.check, question.arguments, of=REFERENCE)
    return Layout(tuple(sorted({*found.keys, *more.keys})), tuple(sorted({*found.numbers, *more.numbers})))


def _summaries(subject: Subject, name: str, layouts: Sequence[Layout]) -> dict[Layout, Summary | Problem]:
    held: dict[Layout, Summary | Problem] = subject.held.setdefault(("summaries", name), {})
    more = [layout for layout in layouts if layout not in held]
    if more:
        held.update(gather(subject.datasets[name], more))
    return held


def _sample(subject: Subject, name: str) -> Sample:
    key = ("sample", name)
    if key not in subject.held:
        subject.held[key] = sample_of(subject.datasets[name])
    found: Sample = subject.held[key]
    return found


def explained(
    measured: Measured, question: Question, inputs: Mapping[str, Any], sides: Mapping[str, DataSet]
) -> Measured:
    """The result with what it rests on: the grid and its bounds, rounded columns, the sample."""
    said: dict[str, Any] = {}
    notes: list[str] = []
    grids = [
        data.summary.grid for data in sides.values() if isinstance(data, Standing) and data.summary.numbers
    ]
    grid = GRIDS[max(grids, default=0)]
    if grid is not None:
        said |= bounds.bounds(question.check.id, inputs, grid, question.arguments)
        notes.append(bounds.sentence(said))
    for data in sides.values():
        more, note = _about(data)
        said, notes = said | more, notes + note
    if not said:
        return measured
    return dataclasses.replace(
        measured, parameters={**measured.parameters, **said}, notes=(*measured.notes, *notes)
    )


def _about(data: DataSet) -> tuple[dict[str, Any], list[str]]:
    if isinstance(data, Sample):
        note = (
            f"Measured on {data.rows:,} of the {data.of:,} rows of {data.name}, chosen by a hash of each row."
        )
        return {f"sample_{data.name}": {"rows": data.rows, "of": data.of}}, [note]
    grids = data.grids(list(data.columns)) if isinstance(data, Tallied) else {}
    rounded = {name: GRIDS[place] for name, place in grids.items()}
    bits = {name: grid.value_bits for name, grid in rounded.items() if grid is not None}
    if not bits:
        return {}, []
    moved = 2.0 ** -(min(bits.values()) + 1)
    return {f"rounded_{data.name}": bits}, [
        f"Columns of {data.name} with too many different values to count each keep as many bits of their "
        f"fraction as rounded_{data.name} says: a value moves by at most {moved:.2g} of its size."
    ]
