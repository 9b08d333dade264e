from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.engine.errors import BadInput
from apps.engine.merkle import (
    EMPTY_ROOT,
    BadProof,
    CompactRange,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_root,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight entries and the roots of their first n that the test vectors of Certificate Transparency publish.
ENTRIES = [
    b"",
    bytes.fromhex("00"),
    bytes.fromhex("10"),
    bytes.fromhex("2021"),
    bytes.fromhex("3031"),
    bytes.fromhex("40414243"),
    bytes.fromhex("5051525354555657"),
    bytes.fromhex("606162636465666768696a6b6c6d6e6f"),
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(b"%d" % i) for i in range(70)]


def plain_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


def plain_node(level: int, index: int) -> bytes:
    return plain_root(LEAVES[index << level : (index + 1) << level])


def test_the_published_roots():
    hashes = [leaf_hash(e) for e in ENTRIES]
    assert [root_of(hashes[: n + 1]).hex() for n in range(8)] == ROOTS
    assert root_of([]) == EMPTY_ROOT


def test_the_published_inclusion_proof():
    hashes = [leaf_hash(e) for e in ENTRIES]
    proof = inclusion_proof(5, 8, lambda level, i: plain_root(hashes[i << level : (i + 1) << level]))
    assert [h.hex() for h in proof] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_of_every_small_tree_is_proved():
    for size in range(1, 71):
        root = plain_root(LEAVES[:size])
        assert root_of(LEAVES[:size]) == root == range_root(0, size, plain_node)
        for index in range(size):
            proof = inclusion_proof(index, size, plain_node)
            verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=root)


def test_every_pair_of_small_trees_is_consistent():
    roots = [plain_root(LEAVES[:n]) for n in range(71)]
    for new in range(71):
        for old in range(new + 1):
            proof = consistency_proof(old, new, plain_node)
            verify_consistency(old=old, new=new, old_root=roots[old], new_root=roots[new], proof=proof)


sizes = st.integers(1, 70)


@given(st.data())
def test_a_proof_of_anything_else_is_refused(data):
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    root, proof = plain_root(LEAVES[:size]), inclusion_proof(index, size, plain_node)
    right = {"leaf": LEAVES[index], "index": index, "size": size, "proof": proof, "root": root}
    wrong = data.draw(st.sampled_from(_wrong_inclusions(right)))
    with pytest.raises(BadProof):
        verify_inclusion(**right | wrong)


def _wrong_inclusions(right):
    proof, index, size = right["proof"], right["index"], right["size"]
    cases = [
        {"leaf": b"\1" * 32},
        {"root": b"\1" * 32},
        {"index": size},
        {"index": -1},
        {"proof": [*proof, b"\1" * 32]},
        {"proof": [*proof, b"short"]},
        {"size": 0},
    ]
    if proof:
        cases += [{"proof": []}, {"proof": proof[:-1]}, {"proof": [*proof, proof[-1]]}, {"index": index ^ 1}]
    if len(proof) > 1:
        cases += [{"proof": proof[::-1]}, {"proof": [proof[0], *proof]}]
    return cases


@given(st.data())
def test_a_rewritten_history_is_refused(data):
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, plain_node)
    right = {
        "old": old,
        "new": new,
        "old_root": plain_root(LEAVES[:old]),
        "new_root": plain_root(LEAVES[:new]),
        "proof": proof,
    }
    changed = [*LEAVES[: old - 1], b"\1" * 32, *LEAVES[old:new]]
    cases = [
        {"new_root": plain_root(changed)},
        {"old_root": plain_root(changed[:old])},
        {"old_root": right["new_root"]},
        {"old": new + 1},
        {"old": 0},
        {"old": new},
        {"proof": []},
        {"proof": [*proof, proof[-1]]},
        {"proof": proof[:-1]},
    ]
    with pytest.raises(BadProof):
        verify_consistency(**right | data.draw(st.sampled_from(cases)))


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=80), st.integers(0, 80))
def test_a_range_grows_the_same_in_any_steps(leaves, cut):
    grown = CompactRange()
    nodes = list(grown.extend(leaves[:cut]))
    again = CompactRange.from_bytes(grown.size, grown.to_bytes())
    nodes += list(again.extend(leaves[cut:]))
    assert (again.size, again.root()) == (len(leaves), plain_root(leaves))
    assert all(n.hash == plain_root(leaves[n.index << n.level : (n.index + 1) << n.level]) for n in nodes)
    assert sum(1 for n in nodes if n.level == 1) == len(leaves) // 2


def test_only_high_subtrees_are_told_when_asked():
    nodes = list(CompactRange().extend([b"\1" * 32] * 1024, from_level=8))
    assert [(n.level, n.index) for n in nodes] == [
        (8, 0), (8, 1), (9, 0), (8, 2), (8, 3), (9, 1), (10, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "hashes"), [(1, []), (3, [b"\1" * 32]), (1, [b"\1" * 31]), (-1, [])])
def test_a_range_that_does_not_fit_its_size_is_refused(size, hashes):
    with pytest.raises(BadInput, match="needs"):
        CompactRange(size, hashes)


def test_proofs_of_what_is_not_there_are_refused():
    with pytest.raises(BadInput, match="no leaf 3"):
        inclusion_proof(3, 3, plain_node)
    with pytest.raises(BadInput, match="no earlier tree"):
        consistency_proof(4, 3, plain_node)
