from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.resources import using
from apps.engine.summaries import counting
from apps.engine.summaries.stream import Q, score_table, stream_cells, stream_scores

N = 4000


def made(seed: int = 0, dtype: Any = np.float32) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    z = random.normal(size=N)
    label = (random.random(N) < 1 / (1 + np.exp(-z))).astype(np.uint8)
    score = (1 / (1 + np.exp(-z - random.normal(size=N) * 0.5))).astype(dtype)
    return {"score": score, "y": label, "g": random.integers(0, 3, N).astype(np.uint8)}


def written(folder: Path, table: dict[str, Any], cuts: list[int], rows: int = 700) -> list[Path]:
    folder.mkdir()
    paths = []
    for i, (start, end) in enumerate(zip([0, *cuts], [*cuts, N], strict=True)):
        paths.append(folder / f"{i}.parquet")
        part = {name: values[start:end] for name, values in table.items()}
        pq.write_table(pa.table(part), paths[-1], row_group_size=rows)
    return paths


def streamed(paths: list[Path], **more: Any) -> Any:
    return stream_scores(paths, score="score", label="y", **{"group": "g", **more})


def test_numbers_are_those_of_scikit_learn_within_the_bounds(tmp_path: Path) -> None:
    table = made()
    found = score_table(streamed(written(tmp_path / "a", table, [1500])))
    for row in found:
        here = np.ones(N, bool) if row["group"] is None else table["g"] == int(row["group"])
        label, score = table["y"][here], table["score"][here].astype(np.float64)
        fpr, tpr, _ = roc_curve(label, score)
        assert row["n"] == here.sum()
        assert abs(row["auc"] - roc_auc_score(label, score)) <= row["auc_bound"]
        assert abs(row["ks"] - np.max(tpr - fpr)) <= row["ks_bound"]
        assert row["brier"] == pytest.approx(brier_score_loss(label, score), abs=2e-9)
        bins = np.minimum((score * 15).astype(int), 14)
        gap = np.bincount(bins, label, 15) - np.bincount(bins, score, 15)
        assert abs(row["ece"] - np.abs(gap).sum() / len(label)) <= row["ece_bound"]
        assert row["low"] < row["auc"] < row["high"]


def test_cut_order_threads_and_coding_change_nothing(tmp_path: Path) -> None:
    table = made(1)
    whole = score_table(streamed(written(tmp_path / "a", table, [])), reference=None)
    order = np.random.default_rng(5).permutation(N)
    other = {name: values[order] for name, values in table.items()}
    other["g"] = pa.array(other["g"].astype(str)).dictionary_encode()
    other["y"] = pa.array(other["y"].astype(bool))
    paths = written(tmp_path / "b", other, [10, 2000, 2001], rows=97)
    for threads in (1, 2, 5):
        with using(threads=threads):
            assert score_table(streamed(paths[::-1])) == whole


def test_parts_merge_to_the_whole(tmp_path: Path) -> None:
    paths = written(tmp_path / "a", made(2), [100, 3000])
    parts = [streamed([path]) for path in paths]
    both = parts[2].merged(parts[0]).merged(parts[1])
    whole = streamed(paths)
    assert both.groups == whole.groups
    assert (both.counts == whole.counts).all()
    assert (both.sums == whole.sums).all()


def test_the_compiled_kernels_give_the_same_counts() -> None:
    pytest.importorskip("numba")
    random = np.random.default_rng(3)
    score = np.concatenate((random.random(300_000), [0.0, 1.0, np.nan, -1.0, 2.0, np.nextafter(1.0, 0.0)]))
    code = random.integers(0, 2, len(score)).astype(np.uint8)
    columns = (code, np.array([0, 1], np.int32)), (code, np.array([0, 2], np.int32))
    found = []
    for compiled in ("always", False):
        counts, sums = np.zeros((4, Q + 3), np.int64), np.zeros((4, 2), np.int64)
        with using(compiled=compiled):
            counting.count_scores(score, counting.cells_of(columns, 4), counts, sums)
            found.append((counts, sums))
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()
    assert found[0][0][:, -1].sum() == 3


def test_psi_of_equal_data_is_zero_and_of_shifted_data_is_not(tmp_path: Path) -> None:
    table = made(4)
    first = streamed(written(tmp_path / "a", table, []))
    moved = {**table, "score": table["score"] ** 2}
    second = streamed(written(tmp_path / "b", moved, []))
    assert score_table(first, reference=first)[-1]["psi"] == 0.0
    assert score_table(second, reference=first)[-1]["psi"] > 0.1


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.5, np.inf])
def test_a_score_that_is_no_probability_is_refused(tmp_path: Path, bad: float) -> None:
    table = made(5)
    table["score"][17] = bad
    with pytest.raises(Unmeasurable, match="missing or outside 0 to 1 in at least 1 rows"):
        streamed(written(tmp_path / "a", table, [2000]))


def test_what_is_not_there_or_no_number_is_named(tmp_path: Path) -> None:
    paths = written(tmp_path / "a", made(6), [])
    with pytest.raises(BadInput, match='has no column "nope"; it has score, y, g'):
        stream_scores(paths, score="nope", label="y")
    text = written(tmp_path / "b", {**made(6), "score": np.array(["a"] * N)}, [])
    with pytest.raises(BadInput, match="where a number was expected"):
        streamed(text)


def test_cells_are_those_of_a_plain_count(tmp_path: Path) -> None:
    table = made(7)
    table["s"] = np.array(["x", None, "y"], dtype=object)[table["g"]]
    paths = written(tmp_path / "a", table, [11, 999], rows=53)
    found = stream_cells(paths, ["y", "s", "g"])
    assert found.levels == (("0", "1"), ("x", "y", "(missing)"), ("0", "1", "2"))
    for i, y in enumerate((0, 1)):
        for j, (s, g) in enumerate((("x", 0), ("y", 2), (None, 1))):
            expected = int(((table["y"] == y) & (table["s"] == s) & (table["g"] == g)).sum())
            assert found.counts[i, j, g] == expected
    parts = [stream_cells([path], ["y", "s", "g"]) for path in paths]
    merged = parts[2].merged(parts[1]).merged(parts[0])
    assert (merged.counts == found.counts).all()
