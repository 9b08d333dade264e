"""Different rows with their counts give the bytes of the rows; weights of whole numbers repeat rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness import adverse, errors, indices, ll144, rates, scores, selection
from apps.engine.measures.fairness.alternatives import less_discriminatory_alternative
from apps.engine.measures.fairness.frames import frames
from apps.engine.measures.fairness.representation import representation
from apps.engine.measures.fairness.stratified import conditional_adverse_impact
from apps.engine.resources import using
from apps.engine.values import Measured, Measurement

Rows = Mapping[str, np.ndarray]
Call = Callable[..., Measured]
BOTH = ["sex", "race", ["sex", "race"]]


def people(n: int, seed: int) -> dict[str, np.ndarray]:
    source = np.random.default_rng(seed)
    label = source.random(n) < 0.4
    return {
        "label": label,
        "predicted": source.random(n) < 0.3 + 0.3 * label,
        "score": np.round(np.clip(0.3 * label + 0.6 * source.random(n), 0, 1), 1),
        "sex": source.choice(["F", "M"], n),
        "race": source.choice(["a", "b", "c", ""], n, p=[0.4, 0.25, 0.2, 0.15]),
        "area": source.choice(["x", "y"], n),
        "weight": source.choice([0.1, 0.7, 3.0], n),
    }


def given(rows: Rows) -> dict[str, Any]:
    table = Columns.of(**{name: rows[name].tolist() for name in ("sex", "race", "area")})
    return {**rows, "protected": table.only(["sex", "race"]), "columns": table}


def check(function: Call, *names: str, weights: bool = True, **arguments: Any) -> Any:
    """A check with the inputs that it needs; parametrised twice where it takes weights."""

    def call(rows: Rows, count: np.ndarray | None, *, weighted: bool = False) -> Measured:
        held = given(rows)
        inputs = {
            name: held[{"selected": "predicted", "deserving": "label"}.get(name, name)] for name in names
        }
        extra = {"weight": held["weight"]} if weighted else {}
        return function(**inputs, count=count, **extra, **arguments)

    return pytest.param(call, weights, id=f"{function.__name__}-{'-'.join(map(str, arguments.values()))}")


SMALL = {"min_group_size": 1, "attributes": BOTH}
COUNTED = [
    check(rates.group_rates, "predicted", "label", "protected", **SMALL),
    check(rates.group_rates, "predicted", "label", "protected", reference="overall", rate="ppv"),
    check(selection.selection_rate_ratio, "selected", "protected", **SMALL),
    check(selection.selection_rate_difference, "selected", "protected", adjust="holm"),
    check(selection.equal_opportunity_difference, "selected", "deserving", "protected", **SMALL),
    check(errors.equalized_odds_difference, "predicted", "label", "protected", attributes=["sex"]),
    check(errors.equalized_odds_ratio, "predicted", "label", "protected", attributes=["sex"]),
    check(errors.error_rate_ratio, "predicted", "label", "protected", rate="fnr"),
    check(errors.predictive_parity_ratio, "predicted", "label", "protected", reference="largest"),
    check(scores.standardized_mean_difference, "score", "protected", **SMALL),
    check(scores.calibration_gap, "score", "label", "protected", reference="overall"),
    check(scores.auc_gap, "score", "label", "protected", min_group_size=10),
    check(scores.auc_gap, "score", "label", "protected", reference="overall"),
    check(indices.differential_fairness, "selected", "protected", min_group_size=1, seed=3),
    check(indices.generalized_entropy, "selected", "deserving", "protected", seed=3),
    check(indices.generalized_entropy, "selected", "deserving", "protected", alpha=1.0),
    check(representation, "protected", attributes=BOTH),
    check(adverse.adverse_impact, "selected", "protected", weights=False, adjust="holm"),
    check(adverse.adverse_impact, "selected", "protected", weights=False, reference="overall", test="z"),
    check(conditional_adverse_impact, "selected", "protected", "columns", weights=False, strata=["area"]),
    check(ll144.ll144_selection, "selected", "protected", weights=False),
    check(ll144.ll144_scoring, "score", "protected", weights=False),
]
LDA = ("score", "label", "deserving", "selected", "protected")
CUTS = [
    check(less_discriminatory_alternative, *LDA, weights=False, cuts=cuts, min_group_size=1)
    for cuts in ("group", "common")
]


def written(call: Callable[[], Measured]) -> str:
    try:
        found = call()
    except Unmeasurable as reason:
        return f"{reason.status}: {reason}"
    return json.dumps(Measurement(check="c", check_version="1", measured=found, parameters={}).as_json())


def distinct(rows: Rows, *, weighted: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    names = [name for name in rows if weighted or name != "weight"]
    codes = np.stack([np.unique(rows[name], return_inverse=True)[1] for name in names], axis=1)
    _, first, count = np.unique(codes, axis=0, return_index=True, return_counts=True)
    return {name: values[first] for name, values in rows.items()}, count


@pytest.mark.parametrize("n", [3, 40, 700])
@pytest.mark.parametrize(("call", "weights"), [*COUNTED, *CUTS])
def test_different_rows_with_their_counts_give_the_same_bytes(call, weights, n):
    rows = people(n, seed=n)
    for weighted in (False, True)[: 1 + weights]:
        few, count = distinct(rows, weighted=weighted)
        wanted = written(lambda w=weighted: call(rows, None, weighted=w))
        assert written(lambda f=few, c=count, w=weighted: call(f, c, weighted=w)) == wanted


@pytest.mark.parametrize(("call", "weights"), [*COUNTED, *CUTS])
def test_order_counts_of_one_and_kernels_change_no_byte(call, weights):
    rows = people(300, seed=5)
    order = np.random.default_rng(0).permutation(300)
    moved = {name: values[order] for name, values in rows.items()}
    wanted = written(lambda: call(rows, None, weighted=weights))
    assert written(lambda: call(moved, np.ones(300, dtype=np.int64), weighted=weights)) == wanted
    with using(compiled=False, threads=1):
        assert written(lambda: call(rows, None, weighted=weights)) == wanted


@pytest.mark.parametrize(("call", "weights"), COUNTED)
def test_whole_weights_repeat_rows(call, weights):
    rows = people(400, seed=6)
    rows["weight"] = np.random.default_rng(1).integers(1, 4, 400).astype(float)
    repeated = {name: np.repeat(values, rows["weight"].astype(int)) for name, values in rows.items()}
    if not weights:
        with pytest.raises(Unmeasurable, match="takes no weights"):
            call(rows, None, weighted=True)
        return
    found, wanted = call(rows, None, weighted=True), call(repeated, None)
    assert found.status == "measured"
    assert found.value == pytest.approx(wanted.value, rel=1e-12, abs=1e-12)
    assert found.n == 400
    for one, other in zip(found.groups, wanted.groups, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-12)


@pytest.mark.parametrize(("call", "weights"), COUNTED)
def test_equal_weights_change_no_byte(call, weights):
    rows = people(200, seed=7) | {"weight": np.full(200, 0.3)}
    assert written(lambda: call(rows, None, weighted=True)) == written(lambda: call(rows, None))


def test_counts_that_are_none_are_refused_by_name():
    rows = people(10, seed=0)
    for count in (np.zeros(10, dtype=np.int64), np.full(10, 0.5)):
        with pytest.raises(BadInput, match="count must hold whole numbers"):
            selection.selection_rate_ratio(
                selected=rows["predicted"], protected=given(rows)["protected"], count=count
            )
    with pytest.raises(BadInput, match="count has 3 rows"):
        selection.selection_rate_ratio(
            selected=rows["predicted"], protected=given(rows)["protected"], count=np.ones(3, dtype=np.int64)
        )


def test_frames_take_counts():
    rows = people(500, seed=9)
    few, count = distinct(rows, weighted=False)
    made = [
        frames(
            {name: np.unique(one[name], return_inverse=True)[1] for name in ("sex", "race")},
            one["label"],
            one["predicted"],
            count=times,
            draws=50,
        )
        for one, times in ((rows, None), (few, count))
    ]
    assert repr(made[0]) == repr(made[1])
