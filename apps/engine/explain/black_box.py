"""A scoring function seen from outside, and its scores of many hybrids of rows at once.

A hybrid takes some features from a row to explain and the others from a background row. Building hybrids and
scoring them is all the work of a sampled explanation, so it is done in batches that stay in the cache, on
all threads, or on a GPU where the model's graph can be evaluated there.

Any object with `score_matrix`, a numeric matrix (k, F) to k scores, can be explained: a model file that was
opened, a formula, or a client that asks an endpoint for the scores of a matrix. Such a client belongs to the
caller; the engine itself opens no connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from apps.engine.columns import FloatArray
from apps.engine.device import Arrays, arrays, processor
from apps.engine.errors import Unmeasurable
from apps.engine.explain.frame import Frame, scores
from apps.engine.inputs import Model

BATCH, CELLS = 4096, 1 << 18
DEVICE_BATCH, DEVICE_CELLS = 1 << 19, 1 << 26
CARRIED_BATCH, CARRIED_CELLS = 1 << 16, 1 << 23
MOST_FEATURES = 1000

Score = Callable[[Any], Any]
Places = npt.NDArray[np.intp]


class Scorer(Protocol):
    """All that a black box needs to be."""

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The score of each row of a matrix (k, F), float64 (k,)."""
        ...


@dataclass(frozen=True, slots=True)
class Box:
    """A scoring function, the number type that it takes, and where its matrices lie.

    Parameters
    ----------
    score : callable
        A matrix (k, F) of `arrays` to k numbers of it; called from several threads where `threads`.
    dtype : type
        Hybrids are built in it, so that the function need not convert them.
    threads : bool
        Whether calls may overlap.
    carried : bool
        Whether a runtime carries NumPy matrices to a GPU, which larger ones repay.
    """

    score: Score
    dtype: Any = np.float64
    arrays: Arrays = field(default_factory=processor)
    threads: bool = True
    carried: bool = False

    def batch(self, features: int) -> int:
        """Hybrids of that many features in one call: what stays in the cache, or what fills a GPU.

        Examples
        --------
        >>> Box(lambda m: m[:, 0]).batch(30), Box(lambda m: m[:, 0]).batch(1024)
        (4096, 256)
        """
        most, cells = (BATCH, CELLS) if self.arrays.is_cpu else (DEVICE_BATCH, DEVICE_CELLS)
        if self.carried:
            most, cells = CARRIED_BATCH, CARRIED_CELLS
        return max(1, min(most, cells // max(1, features)))

    def __call__(self, matrix: FloatArray) -> FloatArray:
        """The scores of NumPy rows, float64, finite."""
        return np.asarray(self.arrays.hand_out(self.checked(self.taken(matrix))), dtype=np.float64)

    def taken(self, matrix: FloatArray) -> Any:
        """NumPy rows in the box's type, where its matrices lie."""
        with np.errstate(over="ignore"):  # beyond float32 is infinite to a model of float32
            return self.arrays.hand_in(np.asarray(matrix, dtype=self.dtype))

    def checked(self, matrix: Any) -> Any:
        """The scores of rows where they lie, float64.

        Raises
        ------
        Unmeasurable
            A score is missing or infinite.
        """
        xp = self.arrays.xp
        found = xp.astype(self.score(matrix), xp.float64, copy=False)
        if not bool(xp.all(xp.isfinite(found))):
            raise Unmeasurable("The model gives a score that is not a finite number.")
        return found

    def hybrids(self, sources: Any, places: Any, features: int) -> Any:
        """Rows whose features are taken from these places of their source: (rows · places / F, F).

        Parameters
        ----------
        sources : array (rows, k)
            What a row's hybrids may take: the row itself, then background rows.
        places : int array (h · F,)
            For each feature of each hybrid, its place in the source.
        """
        xp = self.arrays.xp
        return xp.reshape(xp.take(sources, places, axis=1), (-1, features))


def as_box(function: Score | Box) -> Box:
    """The box itself, or one around a plain function of float64 matrices."""
    return function if isinstance(function, Box) else Box(function)


def too_wide(features: int) -> None:
    """Refuse what would take hours.

    Raises
    ------
    Unmeasurable
        More features than `MOST_FEATURES`; or none.
    """
    if features == 0:
        raise Unmeasurable("The model takes no features: there is nothing to explain.")
    if features > MOST_FEATURES:
        raise Unmeasurable(
            f"The model takes {features:,} features. Seen from outside, each row would need more than "
            f"{200 * features:,} scores; at most {MOST_FEATURES:,} features are explained that way."
        )


def box_of(model: Model, sample: Frame, *, margin: bool = False) -> Box:
    """The model as a box over matrices with the columns of `sample`; with `margin`, its log-odds.

    A model may offer more than scores: `score_batch` scores rows as they stand, from several threads, in
    the type `batch_dtype`; `on_device` does so for arrays of a device.
    """
    box = _plain_box(model, sample)
    if not margin:
        return box
    return replace(box, score=lambda matrix: _logit(box.arrays.xp, box.score(matrix)))


def _plain_box(model: Model, sample: Frame) -> Box:
    if sample.levels:
        return Box(lambda matrix: scores(model, sample.holding(matrix)), threads=False)
    batched = getattr(model, "score_batch", None)
    if batched is None:
        return Box(model.score_matrix, threads=False)
    dtype = getattr(model, "batch_dtype", np.float64)
    move = getattr(model, "on_device", None)
    device = processor() if move is None else arrays()
    moved = None if move is None or device.is_cpu else move(device, sample.matrix)
    if moved is None:
        return Box(batched, dtype)
    return Box(moved.score, dtype, moved.arrays, threads=False, carried=moved.arrays.is_cpu)


def _logit(xp: Any, score: Any) -> Any:
    if bool(xp.any((score <= 0) | (score >= 1))):
        raise Unmeasurable("The margin space needs scores strictly between 0 and 1.")
    wide = xp.astype(score, xp.float64)
    return xp.log(wide) - xp.log1p(-wide)
