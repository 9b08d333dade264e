"""One data set of the subject: its columns and the roles that the manifest gives them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import numpy as np

from apps.engine import files, table_limits, tables
from apps.engine.columns import BoolArray, Coded, Column, Columns, FloatArray, IntArray, level_text
from apps.engine.errors import BadInput, NoSuchColumn, NotDeclared
from apps.engine.fields import Scalar
from apps.engine.inputs import Model
from apps.engine.manifest import DatasetSpec, Decision
from apps.engine.parts import Parts


class DataSet:
    """A data set, read when asked and at most once.

    Parameters
    ----------
    spec : DatasetSpec
        The manifest's entry.
    path : Path
        Where the file lies.
    model : callable
        Gives the loaded model, or None where the scores come in a column.
    features : sequence of str or None
        The manifest's features.
    """

    def __init__(
        self, spec: DatasetSpec, path: Path, model: Callable[[], Model | None], features: Sequence[str] | None
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self._path = path
        self._model = model
        self._features = features

    @cached_property
    def _fingerprint(self) -> files.Fingerprint:
        found = files.fingerprint(self._path, name=self._called)
        if self.spec.sha256 and self.spec.sha256 != found.sha256:
            raise BadInput(
                f"{self._called} is not the file that the manifest names: its SHA-256 is {found.sha256}, "
                f"the manifest says {self.spec.sha256}."
            )
        return found

    @property
    def _called(self) -> str:
        return f'The data set "{self.name}" ({_shortened(self.spec.path)})'

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._path

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over the bytes; of a folder over the sorted names and digests of its parts."""
        return f"sha256:{self._fingerprint.sha256}"

    @property
    def model(self) -> Model | None:
        """The loaded model; None where the scores come in a column."""
        return self._model()

    @cached_property
    def has_model(self) -> bool:
        """Whether the scores are the model's own."""
        return self._model() is not None

    @property
    def declared_features(self) -> Sequence[str] | None:
        """The manifest's features, if it names any."""
        return self._features

    @property
    def parts(self) -> Parts:
        """The parts that a table is read by."""
        if self.columns.parts is None:
            raise LookupError(f"{self._called} is held whole.")
        return self.columns.parts

    def unchanged(self) -> None:
        """Refuse a file that changed since its digest was taken: after a pass over it."""
        files.unchanged(self._path, self._fingerprint, name=self._called)

    @cached_property
    def large(self) -> bool:
        """Whether the table is summed up part by part and never held."""
        return self.columns.parts is not None and table_limits.large(self.rows, len(self.columns))

    @cached_property
    def columns(self) -> tables.Table:
        """Every column of the file."""
        before = self._fingerprint
        found = tables.open_table(self._path, name=self._called, missing=self.spec.missing)
        files.unchanged(self._path, before, name=self._called)
        return found

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.columns.rows

    @property
    def count(self) -> IntArray | None:
        """How many equal rows each row stands for; None where each is one."""
        return None

    def column(self, name: str, role: str) -> Column:
        """The column that plays a role; BadInput names the nearest right name."""
        self._named(name, role)
        return self.columns[name]

    def _named(self, name: str, role: str, *, refusal: type[BadInput] = BadInput) -> None:
        """Refuse a column that the file lacks, without reading one that it has."""
        if name in self.columns:
            return
        near = difflib.get_close_matches(name, list(self.columns), n=1, cutoff=0.6)
        hint = (
            f' Did you mean "{near[0]}"?'
            if near
            else f" It has {_listed([_quoted(c) for c in self.columns]) or 'no columns'}."
        )
        raise refusal(f'{self._called} has no column "{name}", which is its {role}.{hint}')

    def pick(self, names: Sequence[str], role: str) -> Columns:
        """Several columns, in the order given."""
        for name in names:
            self._named(name, role)
        return self.columns.only(names)

    # Roles ------------------------------------------------------------------------------------------

    @cached_property
    def label(self) -> BoolArray:
        """True where the outcome is the positive class."""
        return self._equals(self._label_column, self._positive, "label")

    @cached_property
    def target(self) -> FloatArray:
        """The label as a number, for a model that predicts one; 1 and 0 where a positive class is named."""
        if self.spec.positive is not None:
            return self.label.astype(np.float64)
        return self._numbers(self.spec.label or self._label_column.name, "label", key="target")

    @cached_property
    def deserving(self) -> BoolArray:
        """True where the outcome is the favourable one."""
        return self._equals(self._label_column, self._favourable, "label")

    @cached_property
    def score(self) -> FloatArray:
        """The model's score of each row; without an artifact its column."""
        if self._model() is not None:
            return self._scored()
        found = self.score_column
        if found is None:
            raise NotDeclared(
                f"{self._called} needs the field score (score: {{column: …}}): there is no artifact to run."
            )
        return found

    @cached_property
    def score_column(self) -> FloatArray | None:
        """The manifest's score column, if it names one."""
        return (
            None if self.spec.score is None else self._numbers(self.spec.score, "score", key="score_column")
        )

    @cached_property
    def predicted(self) -> BoolArray:
        """True where the decision predicts the positive class."""
        decision = self._decision
        if decision.threshold is not None:
            return self._at_least(decision.threshold)
        if decision.positive is not None:
            return self._decided(decision.positive)
        return self.selected if self._positive_is_favourable else ~self.selected

    @cached_property
    def selected(self) -> BoolArray:
        """True where the decision is favourable for the person."""
        if self._decision.favourable is not None:
            return self._decided(self._decision.favourable)
        return self.predicted if self._positive_is_favourable else ~self.predicted

    @cached_property
    def features(self) -> Columns:
        """The model's inputs, in the model's order."""
        model = self._model()
        names = self._features if model is None else model.features
        if not names:
            raise NotDeclared("The manifest needs the field spec.features: the columns that the model uses.")
        return self.pick(names, "feature")

    @cached_property
    def weight(self) -> FloatArray | None:
        """Sample weights, finite and not negative."""
        if self.spec.weight is None:
            return None
        values = self._numbers(self.spec.weight, "weight", key="weight")
        bad = ~np.isfinite(values) | (values < 0)
        if bad.any():
            raise BadInput(
                f'{self._called}: the weight column "{self.spec.weight}" is missing, infinite or negative '
                f"in {self._rows_where(bad):,} of {self.rows:,} rows."
            )
        return values

    @cached_property
    def period(self) -> Coded | None:
        """The period of each row, if the manifest names a column."""
        return None if self.spec.period is None else self.column(self.spec.period, "period").coded()

    def protected(self, attributes: Sequence[str] = ()) -> Columns:
        """The protected attributes, then any other column that a check was asked to group by."""
        for name in attributes:
            if name not in self.spec.protected:
                self._named(name, "protected attribute", refusal=NoSuchColumn)
        names = dict.fromkeys((*self.spec.protected, *attributes))
        return self.pick(tuple(names), "protected attribute")

    # What the roles rest on -------------------------------------------------------------------------

    @property
    def _label_column(self) -> Column:
        if self.spec.label is None:
            raise NotDeclared(f"{self._called} needs the field label (label: {{column: …, positive: …}}).")
        return self.column(self.spec.label, "label")

    @property
    def _positive(self) -> Scalar:
        if self.spec.positive is None:
            raise NotDeclared(
                f"{self._called} needs the field label.positive: the value that the score predicts."
            )
        return self.spec.positive

    @property
    def _favourable(self) -> Scalar:
        if self.spec.favourable is None:
            raise NotDeclared(
                f"{self._called} needs the field favourable: the outcome in its label column that is good "
                "for the person."
            )
        return self.spec.favourable

    @property
    def _decision(self) -> Decision:
        if self.spec.decision is None:
            raise NotDeclared(
                f"{self._called} needs the field decision: a column with its favourable or positive value, "
                "or a threshold."
            )
        return self.spec.decision

    @cached_property
    def _positive_is_favourable(self) -> bool:
        column = self._label_column
        positive, favourable = _wanted(column, self._positive), _wanted(column, self._favourable)
        for text, field in ((positive, "label.positive"), (favourable, "favourable")):
            if text not in column.coded().levels:
                self._absent(column, text, "label", field)
        if positive != favourable and len(set(column.coded().levels) | {positive, favourable}) > 2:
            raise BadInput(
                f'{self._called}: the label column "{column.name}" holds {_levels(column)}; who is selected '
                "follows from the prediction only where the label has two values."
            )
        return positive == favourable

    def _at_least(self, threshold: float) -> BoolArray:
        self._no_score_without_end(self._rows_where(~np.isfinite(self.score)))
        return self.score >= threshold

    def _no_score_without_end(self, rows: int) -> None:
        if rows:
            raise BadInput(
                f"{self._called}: the score is missing or infinite in {rows:,} of {self.rows:,} rows."
            )

    def _numbers(self, name: str, role: str, *, key: str) -> FloatArray:
        """The numbers of the column that plays a role; `key` is what a summary calls them."""
        return self.column(name, role).numbers()

    def _scored(self) -> FloatArray:
        """The artifact's score of each row."""
        model = self._model()
        if model is None:
            raise NotDeclared("The manifest names no artifact to run.")
        return np.asarray(model.score(self.features), dtype=np.float64)

    def _rows_where(self, found: BoolArray) -> int:
        """Rows that it is true of."""
        return int(np.count_nonzero(found) if self.count is None else self.count[found].sum())

    def _decided(self, value: Scalar) -> BoolArray:
        return self._equals(self.column(str(self._decision.column), "decision"), value, "decision")

    def _equals(self, column: Column, value: Scalar, role: str) -> BoolArray:
        missing = self._rows_where(column.missing())
        if missing:
            raise BadInput(
                f'{self._called}: the {role} column "{column.name}" is missing in {missing:,} '
                f"of {self.rows:,} rows."
            )
        coded, text = column.coded(), _wanted(column, value)
        if text not in coded.levels:
            self._absent(column, text, role)
            return np.zeros(len(coded), dtype=bool)
        return np.asarray(coded.codes == coded.levels.index(text), dtype=bool)

    def _absent(self, column: Column, text: str, role: str, field: str = "") -> None:
        """Refuse a value that never occurs, unless the column has one value only: then it is one class."""
        levels = column.coded().levels
        alike = next((level for level in levels if _bare(level) == _bare(text)), None)
        if len(levels) <= 1 and alike is None:
            return
        blanks = "" if alike is None or alike == alike.strip() else " Blanks around a value count."
        raise BadInput(
            f'{self._called}: the {role} column "{column.name}" never holds "{text}"'
            f"{field and ', the value of '}{field}; it holds {_levels(column)}.{blanks}"
        )


def _wanted(column: Column, value: Scalar) -> str:
    """The level that the manifest's value means in this column."""
    text = level_text(float(value) if isinstance(value, Decimal) else value)
    levels = column.coded().levels
    if text in levels:
        return text
    if column.kind == "boolean":
        return {"1": "true", "0": "false"}.get(text, text.lower())
    if column.kind == "number":
        text = {"true": "1", "false": "0"}.get(text, text)
        return _number_text(text)
    return text


def _number_text(text: str) -> str:
    try:
        return level_text(float(text))
    except ValueError:
        return text


def _bare(text: str) -> str:
    return text.strip().casefold()


def _levels(column: Column) -> str:
    return _listed([_quoted(level) for level in column.coded().levels])


def _quoted(name: str) -> str:
    return f'"{_shortened(name)}"'


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"
