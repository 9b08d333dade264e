"""T10: proofs that do not prove; and numbers and trees against what others compute."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import struct
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from apps.cli.main import main as program
from apps.engine.merkle import BadProof, inclusion_proof, leaf_hash, root_of, verify_inclusion
from apps.engine.note import Checkpoint, LogProof, sign_checkpoint
from tests.verifier.both import verifier
from tests.verifier.making import CHECKPOINT, ORIGIN, event, key_set

from countersign_verify import jcs, tree  # isort: skip
from countersign_verify.faults import Wrong  # isort: skip

# The eight entries of RFC 6962's own test tree, and its roots by size.
ENTRIES = [
    bytes.fromhex(t) for t in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "60616263")
]
ENTRIES[7] += bytes.fromhex("6465666768696a6b6c6d6e6f")
ROOT_OF_8 = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def node(leaves: list[bytes]):
    return lambda level, index: root_of(leaves[index << level : (index + 1) << level])


def test_the_published_tree_has_its_published_root() -> None:
    grown = tree.Tree()
    for entry in ENTRIES:
        grown.add(entry)
    assert grown.root().hex() == ROOT_OF_8


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 70])
def test_every_proof_leads_to_the_root_in_both(size: int) -> None:
    entries = [bytes([i]) for i in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    for index, entry in enumerate(entries):
        path = inclusion_proof(index, size, node(leaves))
        assert tree.root_from_path(entry, index, size, path) == root_of(leaves)


def bad_paths(path: list[bytes]) -> dict[str, list[bytes]]:
    return {
        "empty": [],
        "too long": [*path, path[0]],
        "too short": path[:-1],
        "a node twice": [path[0], path[0], *path[1:]],
        "turned around": path[::-1],
        "a node of the wrong length": [path[0][:31], *path[1:]],
        "a bit": [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]],
    }


@pytest.mark.parametrize("name", bad_paths([b"x" * 32]).keys())
@pytest.mark.parametrize("index", [0, 3, 6])
def test_bad_proofs_are_rejected_by_both(name: str, index: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:7]]
    path = bad_paths(inclusion_proof(index, 7, node(leaves)))[name]
    root = root_of(leaves)
    with pytest.raises(BadProof):
        verify_inclusion(leaf=leaves[index], index=index, size=7, proof=path, root=root)
    with contextlib.suppress(Wrong):
        assert tree.root_from_path(ENTRIES[index], index, 7, path) != root


@pytest.mark.parametrize(("index", "size"), [(7, 7), (8, 7), (-1, 7), (0, 0)])
def test_an_index_beyond_the_tree_is_rejected_by_both(index: int, size: int) -> None:
    with pytest.raises(BadProof):
        verify_inclusion(leaf=leaf_hash(b""), index=index, size=size, proof=[], root=bytes(32))
    with pytest.raises(Wrong):
        tree.root_from_path(b"", index, size, [])


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    bodies = [event(number) for number in range(7)]
    leaves = [leaf_hash(body) for body in bodies]
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, root_of(leaves)), CHECKPOINT)
    path = inclusion_proof(4, 7, node(leaves))
    (tmp_path / "receipt.txt").write_bytes(LogProof(4, tuple(path), note, extra=bodies[4]).to_bytes())
    (tmp_path / "keys.json").write_text(json.dumps(key_set().as_json()))
    return tmp_path / "receipt.txt"


def test_a_receipt_is_genuine_to_both(receipt: Path, capsys) -> None:
    words = [str(receipt), "--keys", str(receipt.parent / "keys.json")]
    assert (verifier(words), program(["verify", *words])) == (0, 0)
    assert "genuine receipt" in capsys.readouterr().out


def test_every_changed_line_of_a_receipt_is_refused_by_both(receipt: Path, capsys) -> None:
    lines = receipt.read_bytes().split(b"\n")
    words = [str(receipt), "--keys", str(receipt.parent / "keys.json")]
    for number, line in enumerate(lines[:-1]):
        changed = bytes([line[-1] ^ 1]) if line else b"x"
        receipt.write_bytes(b"\n".join([*lines[:number], line[:-1] + changed, *lines[number + 1 :]]))
        assert (verifier(words), program(["verify", *words])) == (1, 1), line
        receipt.write_bytes(b"\n".join([*lines[:number], *lines[number + 1 :]]))
        assert (verifier(words), program(["verify", *words])) == (1, 1), line
    capsys.readouterr()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_others_write_them(value: float) -> None:
    assert jcs.number(value).encode() == rfc8785.dumps(value)


@given(st.integers(0, 2**64 - 1))
def test_every_double_is_written_as_others_write_it(bits: int) -> None:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    if math.isfinite(value):
        assert jcs.number(value).encode() == rfc8785.dumps(value)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=5))
def test_canonical_bytes_are_those_of_others_and_nothing_else_passes(doc: dict[str, object]) -> None:
    data = rfc8785.dumps(doc)
    assert jcs.write(jcs.read(data, "It")) == data
    assert jcs.write(jcs.canonical_object(data, "It")) == data
    loose = json.dumps(doc).encode()
    if loose != data:
        with pytest.raises(Wrong):
            jcs.canonical_object(loose, "It")


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":9007199254740993}',
        b"[" * 300,
        b'{"a":"\\ud800"}',
        b"[]",
        b"\xff",
    ],
)
def test_json_that_could_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(Wrong):
        jcs.canonical_object(data, "It")


def test_digests_are_of_the_bytes() -> None:
    assert leaf_hash(b"x") == hashlib.sha256(b"\0x").digest()
    assert base64.b64encode(root_of([])).decode() == base64.b64encode(tree.EMPTY).decode()
