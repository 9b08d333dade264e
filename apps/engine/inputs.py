"""The vocabulary of `Check.needs`: what a check function may ask for, by keyword.

A check function is a pure function of arrays: ``auc(*, score, label, confidence=0.95)``. The runner
(`apps.engine.measure`) fills the names in `needs` from the subject and the rest from the arguments.

==================== =============================================================================
name                 what is passed
==================== =============================================================================
score                float64 (n,): the model's score, run by us, or its column when there is no artifact
label                bool (n,): True where the outcome is the positive class
predicted            bool (n,): True where the decision predicts the positive class
selected             bool (n,): True where the decision is favourable for the person
deserving            bool (n,): True where the *outcome* is the favourable one
protected            Columns of the protected attributes, each with `.coded()`
weight               float64 (n,) or None
count                int64 (n,) or None: how many equal rows each row stands for; None: one
period               Coded or None
features             Columns of the model's inputs, in the model's order
columns              Columns: every column of the file
reference_score      as `score`, for the reference data set (`reference`, default ``development``)
reference_label      as `label`, for the reference data set
reference_features   as `features`, for the reference data set
reference_columns    as `columns`, for the reference data set
reference_count      as `count`, for the reference data set
reference_weight     as `weight`, for the reference data set
score_column         float64 (n,) or None: the manifest's score column beside an artifact
twin                 callable or None: the scores of the service that the manifest names beside an artifact
model                `Model`: `.score(matrix)`, `.features`, `.format`, `.path`
artifact             `Artifact`: `.path`, `.format`, `.sha256`
declared             the manifest's `spec`, as read
own                  the data set's own entry in it
roles                Mapping from the row-wise names above to their values, each read when asked for
seed                 int: from the run; checks that draw must use it
==================== =============================================================================

A name with a trailing ``?`` in `needs` is optional: None is passed where the manifest has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from apps.engine.columns import Columns, FloatArray

# Those that are no file here: "endpoint" is asked for scores, "batch" hands them in with the rows, and "none"
# is no model, the columns are what is measured.
PATHLESS = ("endpoint", "batch", "none")
FORMATS = ("onnx", "xgboost", "lightgbm", "skops", *PATHLESS)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model file: where it lies, what the manifest says it is, its SHA-256 (hex)."""

    path: Path
    format: str
    sha256: str


class Model(Protocol):
    """A loaded model: scores in, scores out; never unpickled."""

    format: str
    path: Path
    features: Sequence[str]

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        ...

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features)); BadInput where the model needs text."""
        ...
