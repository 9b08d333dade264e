"""Trees as bytes: the same trees come back, and no bytes whatever make a tree that leads astray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.apart.packed import pack, unpack
from apps.engine.errors import BadInput
from apps.engine.explain.ensemble import OUT_LEFT, RIGHT, Ensemble, Tree


def tree(depth: int, seed: int, *, cover: bool = True, sets: bool = False) -> Tree:
    """A whole tree of random questions to three features."""
    source, inner = np.random.default_rng(seed), 2**depth - 1
    nodes = np.arange(2 * inner + 1)
    asks = nodes < inner
    by_set = asks & (nodes == 0) & sets
    return Tree(
        feature=np.where(asks, source.integers(0, 3, len(nodes)), 0).astype(np.int32),
        threshold=np.where(asks & ~by_set, source.normal(size=len(nodes)), 0.0),
        left=np.where(asks, 2 * nodes + 1, -1).astype(np.int32),
        right=np.where(asks, 2 * nodes + 2, -1).astype(np.int32),
        value=np.where(asks, 0.0, source.normal(size=len(nodes))),
        missing=np.where(by_set, OUT_LEFT, RIGHT).astype(np.int8),
        cover=source.random(len(nodes)) if cover else None,
        sets=(np.array([1, 3]),) if sets else (),
    )


def ensemble(*trees: Tree, others: tuple[Ensemble, ...] = ()) -> Ensemble:
    return Ensemble(
        trees=trees, features=3, base=0.1, link="logistic", single=False, names=("a", "b", "c"), others=others
    )


ROWS = np.random.default_rng(7).normal(size=(50, 3)) * 3


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=4))
def test_what_is_packed_comes_back(shapes: list[tuple[int, bool, bool]]) -> None:
    trees = [tree(d, i, cover=c, sets=s and d > 0) for i, (d, c, s) in enumerate(shapes)]
    given_ = [ensemble(*trees, others=(ensemble(tree(1, 9)),)), ensemble()]
    found = unpack(pack(given_))
    assert [e.margin(ROWS).tolist() for e in found] == [e.margin(ROWS).tolist() for e in given_]
    assert [len(e.others) for e in found] == [1, 0]
    assert [t.cover is None for t in found[0].trees] == [t.cover is None for t in trees]


@settings(max_examples=300)
@given(st.data())
def test_changed_bytes_are_sound_trees_or_refused(data: st.DataObject) -> None:
    packed = bytearray(pack([ensemble(tree(3, 1, sets=True), tree(2, 2))]))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(
            bytes(packed[: data.draw(st.integers(0, len(packed)))] if data.draw(st.booleans()) else packed)
        )
    except BadInput:
        return
    with np.errstate(all="ignore"):
        for one in found:
            if one.features <= 3:
                assert one.margin(ROWS).shape == (50,)


@pytest.mark.parametrize(
    "harm",
    [
        {"left": [1, 1, -1, -1, -1, -1, -1]},
        {"left": [0, 3, 5, -1, -1, -1, -1]},
        {"right": [99, 4, 6, -1, -1, -1, -1]},
        {"feature": [3, 0, 0, 0, 0, 0, 0]},
        {"feature": [-1, 0, 0, 0, 0, 0, 0]},
        {"missing": [9, 0, 0, 0, 0, 0, 0]},
        {"missing": [OUT_LEFT, 0, 0, 0, 0, 0, 0]},
    ],
)
def test_a_tree_that_leads_astray_is_refused(harm: dict[str, list[int]]) -> None:
    whole = tree(2, 3)
    (name, values), *_ = harm.items()
    column = np.array(values, getattr(whole, name).dtype)
    broken = replace(whole, **{name: column})  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="trees of the model cannot be read"):
        unpack(pack([ensemble(broken)]))
