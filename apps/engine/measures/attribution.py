"""Means of contributions over rows: weighted, resampled exactly, and with intervals that hold their value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from apps.engine.columns import Columns, FloatArray
from apps.engine.device import arrays, processor
from apps.engine.errors import Unmeasurable
from apps.engine.explain.explainer import Explanation
from apps.engine.explain.frame import canonical, drawn, frames
from apps.engine.numeric import same_length, weights_or_none

_CHUNK, _WORTH_A_DEVICE = 100, 1 << 36
_DEFINED = 0.99
_LARGEST = 500


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each feature moves each row: |SHAP| (n, F) over ``2 ** exponent``, and the rows' weights."""

    size: FloatArray
    exponent: int
    weight: FloatArray | None

    @property
    def mean(self) -> FloatArray:
        """The mean of each feature, over ``2 ** exponent``."""
        if self.weight is None:
            return np.asarray(self.size.mean(0))
        return np.asarray((self.size * self.weight[:, None]).sum(0) / self.weight.sum())

    def real(self, means: FloatArray) -> FloatArray:
        """Means on the scale of the contributions."""
        return np.ldexp(means, self.exponent)

    def resampled(self, draws: int, seed: int, *, sample: int | None = None) -> FloatArray:
        """Means of `draws` resamples of the rows, over ``2 ** exponent``: (draws, F)."""
        return resampled_means(self.size, draws, seed, sample=sample, weight=self.weight)


def sizes(found: Explanation, weight: FloatArray | None = None) -> Sizes:
    """The sizes of all contributions; undefined where none moves the score."""
    size = np.abs(found.values)
    top = float(size.max(initial=0.0))
    if not math.isfinite(top):
        raise Unmeasurable("A contribution is not a finite number.")
    exponent = math.frexp(top)[1]
    exponent = exponent if abs(exponent) > _LARGEST else 0  # sums of what is larger would overflow
    made = Sizes(np.ldexp(size, -exponent), exponent, weight)
    if not made.mean.sum() > 0:
        raise Unmeasurable("No feature moves the score: all contributions are zero.")
    return made


def weights_of(
    found: Explanation, features: Columns | None, weight: FloatArray | None, seed: int
) -> FloatArray | None:
    """The weights of the rows that were explained; None where weights are equal or there are none.

    Raises
    ------
    Unmeasurable
        A weight is missing, infinite or negative, or the rows explained have no weight.
    """
    if weight is None or features is None:
        return None
    held = weights_or_none(weight)
    if held is None:
        return None
    frame, _ = frames(features)
    same_length(features=frame.matrix, weight=held)
    own = held[canonical(frame, held)[drawn(len(frame), len(found.rows), seed)]]
    if not own.any():
        raise Unmeasurable("The rows that are explained have no weight.")
    return np.asarray(own / own.max())


def resampled_means(
    size: FloatArray,
    draws: int,
    seed: int,
    *,
    sample: int | None = None,
    weight: FloatArray | None = None,
) -> FloatArray:
    """Column means of `draws` resamples of the rows (of at most `sample` rows each): (draws, F).

    Sizes are rounded to whole multiples of a step so small that every sum of a resample is an integer below
    2**53: the matrix product that adds them up is then exact, and gives the same bytes in any order, on any
    number of threads and on a GPU. The step is at most ``largest * rows * 2**-50``.

    Examples
    --------
    >>> resampled_means(np.array([[1.0], [1.0]]), 2, 0).tolist()
    [[1.0], [1.0]]
    >>> resampled_means(np.array([[1.0], [3.0]]), 2, 0, weight=np.array([0.0, 1.0])).tolist()
    [[3.0], [3.0]]
    """
    n, taken = len(size), min(len(size), sample or len(size))
    generator = np.random.Generator(np.random.Philox([seed, 1]))
    large = draws * n * size.shape[1] >= _WORTH_A_DEVICE
    place = arrays() if large else processor()
    columns, step = _whole(size if weight is None else size * weight[:, None], taken)
    mass, unit = _whole(np.ones((n, 1)) if weight is None else weight[:, None], taken)
    given = place.hand_in(np.concatenate([columns, mass], axis=1))
    answer = np.empty((draws, size.shape[1] + 1))
    for first in range(0, draws, _CHUNK):
        some = min(_CHUNK, draws - first)
        picked = generator.integers(0, n, (some, taken)) + n * np.arange(some)[:, None]
        counts = np.bincount(picked.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)
        answer[first : first + some] = place.hand_out(place.xp.matmul(place.hand_in(counts), given))
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample without weight has no mean
        return np.asarray(answer[:, :-1] * step / (answer[:, -1:] * unit))


def _whole(values: FloatArray, taken: int) -> tuple[FloatArray, float]:
    """Values as whole numbers of a step, a power of two, of which `taken` add up below 2**53."""
    top = float(values.max(initial=0.0))
    step = math.ldexp(1.0, math.frexp(top)[1] + taken.bit_length() - 52) if top > 0 else 1.0
    return np.rint(values / step), step


def holding(value: float, drawn_values: FloatArray, confidence: float) -> tuple[float, float] | None:
    """Percentiles of the draws that are defined, moved where needed so that they hold `value`.

    None where more than one draw in a hundred is undefined.

    Examples
    --------
    >>> holding(0.99, np.array([1.0] * 99 + [0.0]), 0.9)
    (0.99, 1.0)
    """
    defined = drawn_values[np.isfinite(drawn_values)]
    if not len(defined) or len(defined) < _DEFINED * len(drawn_values):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return min(value, float(low)), max(value, float(high))
