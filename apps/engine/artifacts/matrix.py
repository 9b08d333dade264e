"""Feature columns → the arrays that a model takes; class labels → the right output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.columns import Columns, FloatArray, level_text
from apps.engine.errors import BadInput


def number_matrix(features: Columns, names: Sequence[str]) -> FloatArray:
    """The features as float64 (n, k), NaN where missing.

    Raises
    ------
    BadInput
        A column is missing, or holds a value that is no number.
    """
    for name in names:
        if name not in features:
            raise BadInput(f'The data has no column "{name}", which the model needs.')
    matrix = np.empty((features.rows, len(names)), dtype=np.float64)
    for i, name in enumerate(names):
        matrix[:, i] = features[name].numbers()
    return matrix


def chosen_features(
    path: Path, named: Sequence[str] | None, own: Sequence[str] | None, count: int
) -> tuple[str, ...]:
    """The model's features: the manifest's, else its own names; both must fit the number it takes."""
    if named is None and not own:
        raise BadInput(
            f"{path.name} does not name its {count} features; the manifest needs the field spec.features."
        )
    names = tuple(own or ()) if named is None else tuple(named)
    if len(names) != count:
        raise BadInput(
            f"{path.name} takes {count} features and the manifest names {len(names)} in spec.features."
        )
    missing = sorted(set(own or names) - set(names))
    if missing:
        raise BadInput(
            f'{path.name} takes "{missing[0]}", which the manifest does not name in spec.features.'
        )
    return names


def own_order(names: Sequence[str], own: Sequence[str] | None) -> list[int]:
    """For each of the model's own inputs, its place in `names`."""
    return list(range(len(names))) if not own else [tuple(names).index(name) for name in own]


def positive_index(path: Path, classes: Sequence[Any], positive: Any) -> int:
    """Which output belongs to the positive class: the second of two where the labels do not say.

    Examples
    --------
    >>> positive_index(Path("m.onnx"), ["bad", "good"], "bad")
    0
    >>> positive_index(Path("m.onnx"), [0, 1], None)
    1
    """
    texts = [level_text(value) for value in classes]
    wanted = None if positive is None else level_text(positive)
    for text in (wanted, {"true": "1", "false": "0", "1": "true", "0": "false"}.get(str(wanted))):
        if text is not None and text in texts:
            return texts.index(text)
    if len(texts) == 2:
        return 1
    raise BadInput(
        f"{path.name} predicts {len(texts)} classes ({', '.join(texts[:8])}); "
        "the manifest's label.positive must be one of them."
    )


def numbered_class(path: Path, classes: int, positive: Any) -> int:
    """The positive class of a booster, whose classes are the numbers 0 to `classes` - 1.

    Examples
    --------
    >>> numbered_class(Path("m.json"), 3, 2)
    2
    """
    return positive_index(path, range(classes), positive)


def of_column(found: FloatArray, rows: int, column: int | None) -> FloatArray:
    """One score a row: the only one, or that of a class.

    Examples
    --------
    >>> of_column(np.array([[0.1, 0.9], [0.6, 0.4]]), 2, 1).tolist()
    [0.9, 0.4]
    """
    scores = found.reshape(rows, -1)
    return np.ascontiguousarray(scores[:, column or 0])


def in_fixed_order(matrix: FloatArray, run: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Run a model over the rows in an order that depends on their content alone.

    Batched linear algebra can change the last bit with a row's place in the batch; this makes a
    row's score the same wherever it stands in the file.
    """
    order = np.argsort(_row_hash(matrix), kind="stable")
    scores = np.empty(len(matrix), dtype=np.float64)
    scores[order] = run(matrix[order])
    return scores


def _row_hash(matrix: FloatArray) -> Any:
    bits = np.ascontiguousarray(matrix + 0.0).view(np.uint64)
    mixed = np.zeros(len(matrix), dtype=np.uint64)
    for i in range(matrix.shape[1]):
        mixed = (mixed ^ bits[:, i]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def one_line(problem: BaseException) -> str:
    """The first line of an error of a library, short and without memory addresses or paths of it."""
    text = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    return text[:200].rstrip(".")
