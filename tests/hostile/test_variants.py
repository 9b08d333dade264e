"""Model files that are two things at once, count what is not there, or name what they must not."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.cli.conftest import Program
from tests.hostile.test_models import WithModel, model_bytes, onnx_model

Make = Callable[[Path], bytes]


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


# ONNX ---------------------------------------------------------------------------------------------------


def identity(name: str = "Identity", **more: Any) -> Any:
    return helper.make_node(name, ["score"], ["out"], **more)


def onnx_and_zip(folder: Path) -> bytes:
    return model_bytes("onnx", folder) + zipped(data=b"code" * 100)


def function_that_calls_itself(_: Path) -> bytes:
    taken = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    given = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    again = helper.make_node("Again", ["x"], ["y"], domain="own")
    function = helper.make_function("own", "Again", ["x"], ["y"], [again], [helper.make_opsetid("own", 1)])
    graph = helper.make_graph(
        [helper.make_node("Again", ["score"], ["out"], domain="own")], "g", [taken], [given]
    )
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, functions=[function])
    return bytes(model.SerializeToString())


def message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def with_initializers(count: int) -> Make:
    def make(folder: Path) -> bytes:
        """The graph's field again with more initializers: a protobuf merges the two."""
        one = message(5, b"\x08\x00\x10\x01" + message(8, b"w"))
        return model_bytes("onnx", folder) + message(7, one * count)

    return make


def sparse_of_terabytes(_: Path) -> bytes:
    values = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    where = helper.make_tensor("where", TensorProto.INT64, [1], [2**40 - 1])
    model = onnx_model([helper.make_node("Add", ["score", "w"], ["out"])])
    sparse = helper.make_sparse_tensor(values, where, [2**40])
    return model + message(7, message(15, bytes(sparse.SerializeToString())))


def dims_that_overflow(_: Path) -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**33, 2**31, 4], raw_data=bytes(16))
    return onnx_model([helper.make_node("Add", ["score", "w"], ["out"])], [tensor])


def dims_below_zero(_: Path) -> bytes:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-4, -1], raw_data=bytes(16))
    return onnx_model([helper.make_node("Add", ["score", "w"], ["out"])], [tensor])


def graphs_in_graphs(_: Path) -> bytes:
    """Branches three thousand deep, written by hand: no library writes them."""
    inner = message(1, message(1, b"score") + message(2, b"out") + message(4, b"Identity"))
    for _ in range(3000):
        branch = message(1, b"then_branch") + message(6, inner) + b"\xa0\x01\x05"
        inner = message(1, message(1, b"c") + message(2, b"out") + message(4, b"If") + message(5, branch))
    return b"\x08\x08" + message(7, inner) + message(8, b"\x10\x0f")


def words_for_scores(_: Path) -> bytes:
    text = helper.make_tensor("text", TensorProto.STRING, [1], [b"0.5"])
    return onnx_model([helper.make_node("Constant", [], ["out"], value=text)])


def chance(_: Path) -> bytes:
    return onnx_model([helper.make_node("RandomUniformLike", ["score"], ["out"])])


def no_number(_: Path) -> bytes:
    return onnx_model([helper.make_node("Log", ["score"], ["a"]), helper.make_node("Sqrt", ["a"], ["out"])])


def another_shape(_: Path) -> bytes:
    return onnx_model([helper.make_node("ReduceSum", ["score"], ["out"], keepdims=0)])


# XGBoost ------------------------------------------------------------------------------------------------


def ubj(content: bytes) -> Make:
    """A UBJ document that begins as a model does."""
    return lambda _: b"{L" + struct.pack(">q", 7) + b"learner" + content


def tree_text(change: Callable[[dict[str, Any]], Any]) -> Make:
    def make(folder: Path) -> bytes:
        document = json.loads(model_bytes("xgboost", folder))
        change(document["learner"])
        return json.dumps(document).encode()

    return make


def settings(**given: str) -> Make:
    return tree_text(lambda learner: learner["learner_model_param"].update(given))


def encoded(how: str) -> Make:
    return lambda folder: model_bytes("xgboost", folder).decode().encode(how)


# LightGBM -----------------------------------------------------------------------------------------------


def lines(*changes: tuple[bytes, bytes]) -> Make:
    """Whole lines of a LightGBM text, from the name on, replaced; it then says no length of its trees."""

    def make(folder: Path) -> bytes:
        data = model_bytes("lightgbm", folder).split(b"\n")
        if not any(name == b"tree_sizes" for name, _ in changes):
            data = [line for line in data if not line.startswith(b"tree_sizes=")]
        for name, value in changes:
            assert any(line.startswith(name + b"=") for line in data), name
            data = [name + b"=" + value if line.startswith(name + b"=") else line for line in data]
        return b"\n".join(data)

    return make


# skops --------------------------------------------------------------------------------------------------


def skops(schema: Any, **members: bytes) -> Make:
    told = {"protocol": 2, "_skops_version": "0.13", **schema}
    return lambda _: zipped(**{"schema.json": json.dumps(told).encode(), **members})


def named(loader: str, kind: str, module: str, **content: Any) -> dict[str, Any]:
    return {"__loader__": loader, "__class__": kind, "__module__": module, "__id__": 1, **content}


STRUCTURED = named("JsonNode", "str", "builtins", content='"id"', is_json=True)
CALLED = named(
    "MethodNode",
    "LogisticRegression",
    "sklearn.linear_model._logistic",
    content={"func": "__init__", "obj": named("FunctionNode", "system", "os", content="os.system")},
)


def npy_of_a_terabyte(_: Path) -> bytes:
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }".ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    schema = named("NdArrayNode", "ndarray", "numpy", type="numpy", file="1.npy")
    return skops(schema, **{"1.npy": data})(Path())


def npy_of_objects(_: Path) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{1: 2}], dtype=object), allow_pickle=True)
    return skops(
        named("NdArrayNode", "ndarray", "numpy", type="numpy", file="1.npy"), **{"1.npy": out.getvalue()}
    )(Path())


def deep_schema(_: Path) -> bytes:
    text = '{"content":' * 20_000 + "1" + "}" * 20_000
    return zipped(**{"schema.json": text.encode()})


def safetensors(header: str, data: bytes = bytes(64)) -> Make:
    return lambda _: struct.pack("<Q", len(header)) + header.encode() + data


OVERLAP = json.dumps({n: {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]} for n in "ab"})
ONNX: dict[str, Make] = {
    "a zip behind it": onnx_and_zip,
    "a function that calls itself": function_that_calls_itself,
    "a million initializers": with_initializers(1_000_000),
    "a sparse tensor of terabytes": sparse_of_terabytes,
    "sizes that overflow": dims_that_overflow,
    "sizes below zero": dims_below_zero,
    "graphs three thousand deep": graphs_in_graphs,
    "scores of text": words_for_scores,
    "scores by chance": chance,
    "scores that are none": no_number,
    "one score for all rows": another_shape,
}
XGBOOST: dict[str, Make] = {
    "a length below zero": ubj(b"SL" + struct.pack(">q", -1)),
    "a length of exabytes": ubj(b"SL" + struct.pack(">q", 2**62)),
    "an array of exabytes": ubj(b"[$d#L" + struct.pack(">q", 2**60)),
    "an array of minus one": ubj(b"[$D#l" + struct.pack(">i", -1)),
    "an array of nothing for ever": ubj(b"[$Z#L" + struct.pack(">q", 2**40)),
    "a hundred thousand deep": ubj(b"[" * 100_000),
    "a byte order mark": encoded("utf-8-sig"),
    "UTF-16": encoded("utf-16"),
    "UTF-32": encoded("utf-32-le"),
    "a base that is none": settings(base_score="nan"),
    "a base beyond all": settings(base_score="[1e999]"),
    "two thousand million features": settings(num_feature="2147483647"),
    "features below zero": settings(num_feature="-1"),
    "a million classes": settings(num_class="1000000"),
    "an objective that is not there": tree_text(lambda m: m["objective"].update(name="evil:eval")),
    "a booster that is not there": tree_text(lambda m: m["gradient_booster"].update(name="../../etc/passwd")),
    "no trees": tree_text(lambda m: m["gradient_booster"]["model"].update(trees=[])),
    "trees of text": tree_text(lambda m: m["gradient_booster"]["model"].update(trees="all")),
}
LIGHTGBM: dict[str, Make] = {
    "two thousand million leaves": lines((b"num_leaves", b"2147483647")),
    "leaves below zero": lines((b"num_leaves", b"-5")),
    "thresholds that are none": lines((b"threshold", b"nan nan nan nan nan nan nan nan")),
    "leaves beyond all": lines((b"leaf_value", b"1e999 " * 8)),
    "children of nobody": lines((b"left_child", b"-99999999 " * 7), (b"right_child", b"99999999 " * 7)),
    "children in a ring": lines((b"left_child", b"1 0 1 0 1 0 1 0"), (b"right_child", b"0 1 0 1 0 1 0 1")),
    "trees of another length": lines((b"tree_sizes", b"1 2 3")),
    "trees of exabytes": lines((b"tree_sizes", b"9223372036854775807 " * 5)),
    "classes below zero": lines((b"num_class", b"-1"), (b"num_tree_per_iteration", b"-1")),
    "a million classes": lines((b"num_class", b"1000000"), (b"num_tree_per_iteration", b"1000000")),
    "an objective of nowhere": lines((b"objective", b"custom sigmoid:nan")),
}
SKOPS: dict[str, Make] = {
    "a call in place of a model": skops(CALLED),
    "a trusted name with another's module": skops(
        named("ObjectNode", "LogisticRegression", "os", content=STRUCTURED)
    ),
    "a way through a trusted module": skops(
        named("TypeNode", "__init__.__globals__", "sklearn.linear_model._logistic", content=STRUCTURED)
    ),
    "the builtins": skops(named("FunctionNode", "eval", "builtins", content="builtins.eval")),
    "a loader of nowhere": skops(named("EvilNode", "x", "y")),
    "a partial of a call": skops(
        named("PartialNode", "partial", "functools", content={"func": CALLED, "args": STRUCTURED})
    ),
    "an array of a terabyte": npy_of_a_terabyte,
    "an array of pickles": npy_of_objects,
    "a schema twenty thousand deep": deep_schema,
    "a schema that is a list": lambda _: zipped(**{"schema.json": b"[]"}),
    "a schema that unpacks a thousandfold": lambda _: zipped(
        **{"schema.json": b"[" + b" " * (64 << 20) + b"]"}
    ),
}
OTHERS: dict[str, Make] = {
    "safetensors that overlap": safetensors(OVERLAP),
    "safetensors with a name twice": safetensors(
        '{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},"a":{}}'
    ),
    "safetensors beyond their end": safetensors(OVERLAP.replace("64]", "6400]")),
    "a pickle behind a zlib head": lambda _: zlib.compress(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    "nothing but zeros": lambda _: bytes(1 << 20),
}
ALL = {
    f"{form}: {name}": (form, make)
    for form, makes in (
        ("onnx", ONNX),
        ("xgboost", XGBOOST),
        ("lightgbm", LIGHTGBM),
        ("skops", SKOPS),
        ("onnx", OTHERS),
    )
    for name, make in makes.items()
}
QUICK = (
    "onnx: a zip behind it",
    "onnx: a function that calls itself",
    "onnx: scores by chance",
    "onnx: one score for all rows",
    "xgboost: an array of exabytes",
    "skops: a call in place of a model",
    "onnx: safetensors that overlap",
)
# What may be measured: a million numbers are no fault, and scores that are none are told as such.
MEASURED = (
    "onnx: a million initializers",
    "onnx: scores that are none",
    "lightgbm: thresholds that are none",
    "lightgbm: a million classes",
    "lightgbm: an objective of nowhere",
)
SENTENCES = {
    "onnx: a function that calls itself": "must not be recursive",
    "onnx: scores by chance": "draws random numbers: operator RandomUniformLike",
    "onnx: one score for all rows": "gives 0 scores for 8 rows",
}


@pytest.mark.parametrize("name", QUICK)
def test_a_model_of_ill_will_is_refused_in_a_sentence(
    here: Path, with_model: WithModel, program: Program, name: str
) -> None:
    held(here, with_model, program, name)


@pytest.mark.slow
@pytest.mark.skipif("COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all")
@pytest.mark.parametrize("name", sorted(set(ALL) - set(QUICK)))
def test_every_model_of_ill_will_is_refused_in_a_sentence(
    here: Path, with_model: WithModel, program: Program, name: str
) -> None:
    held(here, with_model, program, name)


def held(here: Path, with_model: WithModel, program: Program, name: str) -> None:
    """Refused in one sentence that names the file, in bounded memory; or measured where that is no fault."""
    form, make = ALL[name]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    (here / "m.bin").write_bytes(make(here))
    with_model("m.bin", form)
    document = json.loads((here / "model.yaml").read_text())
    del document["spec"]["datasets"]["holdout"]["score"]
    (here / "model.yaml").write_text(json.dumps(document))
    code, out, err = program("measure", "model.yaml", "--check", "performance.auc")
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 4 << 20)
    if name in MEASURED:
        assert (code in (0, 3, 4), "Traceback" in err) == (True, False)
        return
    assert (code, out) == (4, ""), (code, out, err)
    assert "m.bin" in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert SENTENCES.get(name, "") in err
