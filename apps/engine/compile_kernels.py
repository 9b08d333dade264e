"""`python -m apps.engine.compile_kernels`: compile every kernel by a little work of each kind; mark it."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from apps.engine import kernels
from apps.engine.columns import ArrayColumn, Columns, FloatArray
from apps.engine.resources import using

if TYPE_CHECKING:
    from apps.engine.explain.ensemble import Tree

ROWS, FEATURES = 512, 12


def main() -> int:
    """Compile, or say why not: 0 compiled now or before, 1 not possible here."""
    done = kernels.mark()
    if done.exists():
        return 0
    if not kernels.installed():
        return _no("Numba is not installed; the NumPy forms run.")
    if not os.access(done.parent.parent, os.W_OK):
        return _no(f"{done.parent.parent} cannot be written, so nothing would be kept.")
    began = time.monotonic()
    with using(compiled="always", threads=1):
        for work in WORK:
            work()
    done.parent.mkdir(exist_ok=True)
    done.touch()
    print(f"Kernels compiled in {time.monotonic() - began:.0f} s.", file=sys.stderr)
    return 0


def _no(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _scores() -> tuple[FloatArray, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    source = np.random.Generator(np.random.Philox(1))
    score = source.random(ROWS)
    return score, source.random(ROWS) < score


def groups() -> None:
    """Cells of groups, and their figures."""
    from apps.engine.measures.fairness.frames import frames
    from apps.engine.measures.score_groups import score_groups

    score, label = _scores()
    codes: np.ndarray[tuple[int], np.dtype[np.integer[Any]]]
    for kind in (np.uint8, np.int32, np.int64):
        codes = np.array(np.arange(ROWS) % 3, dtype=kind)
        frames({"one": codes, "other": codes}, label, score > 0.5)
        score_groups(score, label, codes, 3, reference_edges=[0.3, 0.6])


def ranking() -> None:
    """Curves, exact sums and bins of one score."""
    from apps.engine.catalogue import find
    from apps.engine.measure import function_of

    score, label = _scores()
    for name in ("performance.auc", "performance.ks", "calibration.brier", "calibration.ece"):
        function_of(find(name))(score=score, label=label)
    function_of(find("stability.psi"))(score=score, reference_score=score[::-1].copy())


def drift() -> None:
    """Columns of two tables."""
    from apps.engine.measures.drift import compare

    score, label = _scores()
    names = {"number": ArrayColumn("number", score), "flag": ArrayColumn("flag", label.astype(np.float64))}
    columns = Columns(tuple(names), names.__getitem__, ROWS)
    compare(columns, columns)


def files() -> None:
    """One pass over a file."""
    import pyarrow as pa
    from pyarrow import parquet

    from apps.engine.summaries.stream import stream_cells, stream_scores

    score, label = _scores()
    group = pa.array([str(n % 3) for n in range(ROWS)]).dictionary_encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        for numbers in (score, score.astype(np.float32)):
            table = pa.table({"score": numbers, "label": label.astype(np.int8), "group": group})
            parquet.write_table(table, path)
            stream_scores([path], score="score", label="label", group="group")
            stream_cells([path], ["label", "group"])


def trees() -> None:
    """Values of trees, path-dependent and against backgrounds of two sizes."""
    from apps.engine.explain.ensemble import Ensemble
    from apps.engine.explain.interactions import interactions
    from apps.engine.explain.tree_shap import TreeShap

    source = np.random.Generator(np.random.Philox(2))
    rows = source.random((ROWS, FEATURES))
    for single in (True, False):
        made = [_complete(source, depth) for depth in (2, 4, 6, 8)]
        ensemble = Ensemble(trees=made, features=FEATURES, base=0.0, link="logistic", single=single)
        path = TreeShap(ensemble)
        path.values(rows)
        interactions(path, rows[:8])
        for size in (16, ROWS):
            TreeShap(ensemble, rows[:size]).values(rows)


def _complete(source: np.random.Generator, depth: int) -> Tree:
    """A tree whose leaves all lie at one depth, with questions drawn at random."""
    from apps.engine.explain.ensemble import LEFT, Tree

    size, inner = (2 << depth) - 1, (1 << depth) - 1
    at = np.arange(size)
    below = np.where(at < inner, 2 * at + 1, -1).astype(np.int32)
    return Tree(
        feature=source.integers(0, FEATURES, size).astype(np.int32),
        threshold=source.random(size),
        left=below,
        right=np.where(at < inner, below + 1, -1).astype(np.int32),
        value=np.where(at < inner, 0.0, source.normal(size=size)),
        missing=np.full(size, LEFT, np.int8),
        cover=float(ROWS) / 2.0 ** np.floor(np.log2(at + 1)),
    )


WORK: tuple[Callable[[], None], ...] = (groups, ranking, drift, files, trees)

if __name__ == "__main__":
    sys.exit(main())
