"""Model files that lie, are cut off, crash the library that reads them, or never end."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import random
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import skops.io
import xgboost
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from tests.hostile.conftest import Refused

RNG = np.random.default_rng(5)
X = RNG.normal(size=(200, 1)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
FORMS = ["onnx", "xgboost", "lightgbm", "skops"]
WithModel = Callable[[str, str], None]


def model_bytes(form: str, folder: Path) -> bytes:
    if form == "onnx":
        return bytes(to_onnx(LogisticRegression().fit(X, Y), X[:1]).SerializeToString())
    if form == "skops":
        return skops.io.dumps(LogisticRegression().fit(X, Y))
    if form == "lightgbm":
        data = lightgbm.Dataset(X, Y, feature_name=["score"])
        return lightgbm.train({"objective": "binary", "verbose": -1}, data, 5).model_to_string().encode()
    data = xgboost.DMatrix(X, label=Y, feature_names=["score"])
    return bytes(xgboost.train({"objective": "binary:logistic"}, data, 3).save_raw("json"))


class Code:
    """Would make the file `ran` if it were ever unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("open('ran', 'w').close()",))


def onnx_model(nodes: Sequence[Any], initializers: Sequence[Any] = ()) -> bytes:
    taken = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    given = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [taken], [given], initializer=list(initializers))
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("evil", 1)]
    return bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())


def endless_loop() -> bytes:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["goes"]),
            helper.make_node("Identity", ["held"], ["holds"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("holds", TensorProto.FLOAT, None),
        ],
    )
    numbers = [
        helper.make_tensor("trips", TensorProto.INT64, [], [2**62]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
    ]
    return onnx_model([helper.make_node("Loop", ["trips", "yes", "score"], ["out"], body=body)], numbers)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("keep", [0, 1, 17, 0.5, 0.98])
def test_a_cut_off_model_is_refused_by_name(
    here: Path, with_model: WithModel, refused: Refused, form: str, keep: float
) -> None:
    data = model_bytes(form, here)
    Path("m").write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with_model("m", form)
    assert "m " in refused()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("named", FORMS)
def test_the_content_tells_the_format_whatever_the_manifest_says(
    here: Path, with_model: WithModel, refused: Refused, form: str, named: str
) -> None:
    if form == named:
        pytest.skip("that is the truth")
    Path("model.bin").write_bytes(model_bytes(form, here))
    with_model("model.bin", named)
    assert refused().endswith(f"the manifest says {named}.")


@pytest.mark.parametrize("name", ["m.pkl", "m.onnx", "m.json", "m.txt", "m.skops", "m.joblib"])
@pytest.mark.parametrize(
    "packed", [bytes, gzip.compress, bz2.compress, lzma.compress, zlib.compress], ids=lambda f: f.__name__
)
def test_a_pickle_is_refused_under_every_name_and_never_run(
    here: Path, with_model: WithModel, refused: Refused, name: str, packed: Callable[[bytes], bytes]
) -> None:
    Path(name).write_bytes(packed(pickle.dumps(Code())))
    with_model(name, "onnx")
    assert refused().endswith("was refused without being opened.")
    assert not Path("ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol_is_told(
    here: Path, with_model: WithModel, refused: Refused, protocol: int
) -> None:
    Path("m.txt").write_bytes(pickle.dumps(Code(), protocol=protocol))
    with_model("m.txt", "lightgbm")
    assert "pickle" in refused()


@pytest.mark.parametrize("where", ["../../../../etc/passwd", "/etc/passwd", "link.bin", "absent.bin"])
def test_tensors_kept_in_other_files_are_refused(
    here: Path, with_model: WithModel, refused: Refused, where: str
) -> None:
    Path("link.bin").symlink_to("/etc/passwd")
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=where)
    Path("m.onnx").write_bytes(onnx_model([helper.make_node("Add", ["score", "w"], ["out"])], [tensor]))
    with_model("m.onnx", "onnx")
    assert "m.onnx" in refused()


def test_an_operator_of_another_domain_is_refused(
    here: Path, with_model: WithModel, refused: Refused
) -> None:
    Path("m.onnx").write_bytes(onnx_model([helper.make_node("Steal", ["score"], ["out"], domain="evil")]))
    with_model("m.onnx", "onnx")
    assert "m.onnx" in refused()


@pytest.mark.slow
def test_a_loop_without_end_is_ended(here: Path, with_model: WithModel, refused: Refused) -> None:
    Path("m.onnx").write_bytes(endless_loop())
    with_model("m.onnx", "onnx")
    assert "m.onnx" in refused()


@pytest.mark.slow
def test_a_constant_of_terabytes_is_bounded(here: Path, with_model: WithModel, refused: Refused) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
        helper.make_node("Add", ["score", "sum"], ["out"]),
    ]
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [9 * 10**10])
    Path("m.onnx").write_bytes(onnx_model(nodes, [shape]))
    with_model("m.onnx", "onnx")
    assert "m.onnx" in refused()


def mutated(data: bytes, seed: int) -> bytes:
    """A few numbers or bytes of a model changed, in a way that the seed fixes."""
    rng = random.Random(seed)  # noqa: S311
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 12))):
        at = rng.randrange(len(changed))
        changed[at] = rng.choice(b"0123456789-,}]\x00\xff") if rng.random() < 0.8 else rng.randrange(256)
    return bytes(changed)


def mutated_tree(data: bytes, key: str, value: Any) -> bytes:
    document = json.loads(data)
    document["learner"]["gradient_booster"]["model"]["trees"][0][key] = value
    return json.dumps(document).encode()


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_mutated_models_never_end_the_program(
    here: Path, with_model: WithModel, program: Any, form: str
) -> None:
    data = model_bytes(form, here)
    with_model("m.bin", form)
    for seed in range(8):
        Path("m.bin").write_bytes(mutated(data, seed))
        code, _, err = program("measure", "model.yaml", "--check", "performance.auc")
        assert code in (0, 3, 4), (seed, err)
        assert "internal error" not in err
        assert (code == 4) == bool(err)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("left_children", [10**6] * 3),
        ("right_children", [-7] * 3),
        ("left_children", [0, 0, 0]),
        ("split_indices", [2**30] * 3),
        ("split_conditions", []),
        ("base_weights", []),
        ("tree_param", {"num_nodes": "9999999999", "num_feature": "1"}),
    ],
)
def test_xgboost_trees_that_point_elsewhere_end_the_child_only(
    here: Path, with_model: WithModel, program: Any, key: str, value: Any
) -> None:
    Path("m.json").write_bytes(mutated_tree(model_bytes("xgboost", here), key, value))
    with_model("m.json", "xgboost")
    code, out, err = program("measure", "model.yaml", "--check", "performance.auc")
    assert code in (0, 4)
    assert code == 0 or ("m.json" in err and not out)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"left_child=1", b"left_child=0"),
        (b"num_leaves=", b"num_leaves=9"),
        (b"num_cat=0", b"num_cat=1"),
        (b"Tree=0", b"Tree=-1"),
        (b"max_feature_idx=0", b"max_feature_idx=999999999"),
        (b"split_feature=0", b"split_feature=-9"),
    ],
)
def test_lightgbm_text_that_loops_or_aborts_ends_the_child_only(
    here: Path, with_model: WithModel, program: Any, old: bytes, new: bytes
) -> None:
    data = model_bytes("lightgbm", here)
    assert old in data
    Path("m.txt").write_bytes(data.replace(old, new))
    with_model("m.txt", "lightgbm")
    code, out, err = program("measure", "model.yaml", "--check", "performance.auc")
    assert code in (0, 4)
    assert code == 0 or ("m.txt" in err and not out)


def test_a_folder_a_link_and_a_missing_file_are_named(
    here: Path, with_model: WithModel, refused: Refused
) -> None:
    Path("d").mkdir()
    for name in ("d", "absent", "dead-link"):
        with_model(name, "onnx")
        if name == "dead-link":
            Path(name).symlink_to("nowhere")
        assert name in refused()
