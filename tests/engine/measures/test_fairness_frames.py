"""Frames against fairlearn bit by bit, the cell bootstrap against its law, and the counting under both."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from apps.engine.columns import Coded
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.cells import count_cells, count_joint, sum_cells
from apps.engine.measures.fairness.frames import METRICS, SUMMARIES, Frame, frames
from apps.engine.resources import using

PEERS = {
    "selection_rate": selection_rate,
    "tpr": true_positive_rate,
    "fpr": false_positive_rate,
    "accuracy": accuracy_score,
    "count": count,
}


def people(n: int, seed: int = 0):
    source = np.random.default_rng(seed)
    sex, race = source.choice(2, n).astype(np.uint8), source.choice(5, n, p=[0.4, 0.25, 0.15, 0.1, 0.1])
    label = source.random(n) < 0.2 + 0.05 * sex + 0.03 * race
    return sex, race, label, source.random(n) < np.where(label, 0.7 - 0.03 * race, 0.15 + 0.02 * sex)


def peer(columns: np.ndarray, label: np.ndarray, predicted: np.ndarray) -> dict[str, list[np.ndarray]]:
    made = MetricFrame(
        metrics=PEERS,
        y_true=label.astype(int),
        y_pred=predicted.astype(int),
        sensitive_features=columns,
    )
    compared = [
        made.overall, made.group_min(), made.group_max(), made.difference(),
        made.difference(method="to_overall"), made.ratio(), made.ratio(method="to_overall"),
    ]  # fmt: skip
    return {m: [made.by_group[m].to_numpy(float), *(float(one[m]) for one in compared)] for m in METRICS}


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_fairlearns_bit_by_bit(seed):
    sex, race, label, predicted = people(1500, seed)
    found = frames({"sex": sex, "race": race}, label, predicted)
    columns = {"sex × race": np.stack((sex, race), axis=1), "sex": sex, "race": race}
    assert list(found) == list(columns)
    for name, frame in found.items():
        for metric, (by_group, *compared) in peer(columns[name], label, predicted).items():
            assert frame.by_group[metric].tolist() == by_group.tolist()
            assert [frame.summary[metric][one] for one in SUMMARIES] == compared


def test_levels_come_from_coded_columns_and_absent_crossings_are_left_out():
    sex, age = Coded(np.array([0, 1, 1], np.int32), ("F", "M")), np.array([0, 2, 0])
    found = frames({"sex": sex, "age": age}, np.array([True, False, True]), np.array([True, True, False]))
    assert found["sex × age"].levels == ("F × 0", "M × 0", "M × 2")
    assert found["age"].levels == ("0", "2")
    assert found["sex"].counts.tolist() == [[0, 0, 0, 1], [0, 1, 1, 0]]


def test_a_group_without_positives_leaves_every_comparison_undefined():
    found = frames({"g": np.array([0, 0, 1])}, np.array([True, False, False]), np.array([True, False, True]))
    assert [math.isnan(v) for v in found["g"].by_group["tpr"]] == [False, True]
    assert math.isnan(found["g"].summary["tpr"]["difference"])
    assert found["g"].summary["fpr"]["difference"] == 1


def test_draws_that_lose_a_group_are_no_draws_without_a_gap():
    """Peers drop the group and count a difference of 0, which biases the lower end to none."""
    found = frames(
        {"g": np.array([0] * 5 + [1])}, np.ones(6, bool), np.array([True] * 5 + [False]), draws=1000, seed=4
    )
    low, high, undefined = found["g"].intervals["selection_rate"]["difference"]
    assert found["g"].summary["selection_rate"]["difference"] == 1
    assert math.isnan(low)
    assert math.isnan(high)
    assert undefined == pytest.approx(1000 * (5 / 6) ** 6, abs=50)


def test_intervals_have_the_spread_of_the_rate():
    sex, _, label, predicted = people(20_000)
    found = frames({"sex": sex}, label, predicted, draws=2000, seed=1)["sex"]
    low, high, undefined = found.intervals["selection_rate"]["by_group"]
    rate, n = found.by_group["selection_rate"], found.by_group["count"]
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(rate * (1 - rate) / n), rel=0.08)
    assert undefined.tolist() == [0, 0]


def test_the_same_seed_gives_the_same_bytes_with_any_means():
    sex, race, label, predicted = people(300_000)

    def made() -> dict[str, Frame]:
        return frames({"sex": sex, "race": race}, label, predicted, draws=20, seed=7)

    wanted = repr(made())
    with using(compiled=False, threads=1):
        assert repr(made()) == wanted
    assert repr(frames({"sex": sex, "race": race}, label, predicted, draws=20, seed=8)) != wanted


def test_bad_input_is_named():
    flags = np.array([True, False])
    with pytest.raises(BadInput, match="codes of g must be whole numbers"):
        frames({"g": np.array([0, -1])}, flags, flags)
    with pytest.raises(BadInput, match="predicted has 1 rows where label has 2"):
        frames({"g": np.array([0, 1])}, flags, flags[:1])
    with pytest.raises(BadInput, match="at most 65,536 fit"):
        frames({"g": np.array([0, 70_000])}, flags, flags)
    with pytest.raises(BadInput, match="too many for 10,000 draws"):
        frames({"g": np.array([0, 60_000])}, flags, flags, draws=10_000)
    with pytest.raises(Unmeasurable, match="no rows"):
        frames({"g": np.zeros(0, int)}, np.zeros(0, bool), np.zeros(0, bool))


@pytest.mark.parametrize("n", [0, 1, 5, 70_001, 300_003, 600_007])
@pytest.mark.parametrize("sizes", [[3], [2, 5], [70, 3], [300, 300]])
def test_cells_are_counted_alike_in_every_way(n, sizes):
    source = np.random.default_rng(n)
    codes = [source.integers(0, size, n).astype(np.int32) for size in sizes]
    flags, times = [source.random(n) < 0.3, source.random(n) < 0.6], source.integers(1, 5, n)
    wanted, counted = np.zeros((*sizes, 2, 2), int), np.zeros((*sizes, 2, 2), int)
    at = (*codes, *(flag.astype(int) for flag in flags))
    np.add.at(wanted, at, 1)
    np.add.at(counted, at, times)
    for means in ({"compiled": True}, {"compiled": False, "threads": 1}):
        with using(**means):
            assert (count_joint(codes, sizes, flags) == wanted).all()
            assert (count_joint(codes, sizes, flags, times) == counted).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_compiled_count_is_its_twin(kind):
    from apps.engine.kernels.cells import count_codes

    for n in (0, 1, 7, 10_001):
        code = np.random.default_rng(n).integers(0, 200, n).astype(kind)
        copies = np.zeros((4, 200), dtype=np.int64)
        count_codes(code, copies)
        with using(compiled=False):
            assert copies.sum(axis=0).tolist() == count_cells(code, 200).tolist()


values = st.lists(
    st.tuples(st.integers(0, 2), st.floats(min_value=-1e250, max_value=1e250), st.integers(1, 9)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_sums_by_cell_are_correctly_rounded(rows):
    code, value, times = (np.array(part) for part in zip(*rows, strict=True))
    found = sum_cells(code, value, 3, times)
    for k in range(3):
        exact = sum(Fraction(v) * int(c) for v, c in zip(value[code == k], times[code == k], strict=True))
        assert found[k] == float(exact)
    assert found.tolist() == sum_cells(np.repeat(code, times), np.repeat(value, times), 3).tolist()
