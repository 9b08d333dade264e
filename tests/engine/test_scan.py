"""The scanner tells code from data by content, within bounds, and runs nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import marshal
import os
import pickle
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.engine.errors import BadInput
from apps.engine.scan import Limits, refuse_code, scan


class Evil:
    """Unpickling this would leave a file behind."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, ("/tmp/countersign-was-fooled",)


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def codes(path: Path, **limits: int) -> set[str]:
    return {f.code for f in scan(path, limits=Limits(**limits)).findings if f.severity == "refuse"}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["m.pkl", "m.onnx", "m.json", "m.csv", "m"])
@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_refused_whatever_its_name(tmp_path: Path, protocol: int, name: str) -> None:
    path = write(tmp_path, name, pickle.dumps(Evil(), protocol=protocol))
    assert codes(path) == {"pickle"}
    assert not Path("/tmp/countersign-was-fooled").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_the_finding_names_what_the_pickle_would_call(tmp_path: Path, protocol: int) -> None:
    path = write(tmp_path, "m", pickle.dumps(Evil(), protocol=protocol))
    assert "posix.mkdir" in scan(path).findings[0].sentence


@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        bz2.compress,
        lzma.compress,
        zlib.compress,
        lambda d: lzma.compress(d, lzma.FORMAT_ALONE),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_compressed_pickle_is_refused(tmp_path: Path, pack: object, protocol: int) -> None:
    path = write(tmp_path, "m.csv.gz", pack(pickle.dumps(Evil(), protocol=protocol)))  # type: ignore[operator]
    assert codes(path) == {"pickle"}


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_joblib_is_refused(tmp_path: Path, compress: object) -> None:
    joblib = pytest.importorskip("joblib")
    path = tmp_path / "model.onnx"
    joblib.dump({"w": np.arange(5.0), "e": Evil()}, path, compress=compress)
    assert "pickle" in codes(path)


def test_a_pickle_behind_a_long_string_is_found(tmp_path: Path) -> None:
    body = b"S'" + b"a" * (3 << 20) + b"'\n0cos\nmkdir\n(S'/tmp/x'\ntR."
    assert codes(write(tmp_path, "m.txt", body)) == {"pickle"}
    assert codes(write(tmp_path, "z.npz", zipped({"a.npy": body}))) >= {"pickle"}


@pytest.mark.parametrize("name", ["weights.npz", "model.pt", "model.keras", "model.skops"])
def test_a_pickle_inside_a_zip_is_refused(tmp_path: Path, name: str) -> None:
    members = {"schema.json": b"{}", "archive/data.pkl": pickle.dumps(Evil(), protocol=2)}
    assert "pickle" in codes(write(tmp_path, name, zipped(members)))


def test_numpy_objects_are_refused_and_numbers_pass(tmp_path: Path) -> None:
    objects, numbers = npy(np.array([{}, 1], dtype=object)), npy(np.arange(6.0))
    assert codes(write(tmp_path, "o.npy", objects)) == {"pickle"}
    assert "pickle" in codes(write(tmp_path, "o.npz", zipped({"o.npy": objects})))
    assert scan(write(tmp_path, "n.npy", numbers)).verdict == "clean"
    assert scan(write(tmp_path, "n.npz", zipped({"n.npy": numbers}))).kind == "npz"


def test_a_numpy_header_that_claims_a_tebibyte_is_refused(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (137438953472,), }".ljust(117) + b"\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    assert codes(write(tmp_path, "n.npy", data)) == {"header"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x7fELF" + bytes(60), "elf"),
        (b"MZ" + bytes(60), "windows-program"),
        (b"#!/bin/sh\nrm -rf /\n", "script"),
        (b"import os\nos.system('id')\n", "python-source"),
        (b"x = 1\nexec('print(1)')\n", "python-source"),
        (b"\xe3" + marshal.dumps(compile("1", "x", "exec"))[1:], "python-bytecode"),
        (b"\xa7\x0d\r\n" + bytes(12) + marshal.dumps(compile("1", "x", "exec")), "python-bytecode"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "hdf5"),
        (json.dumps({"layers": [{"class_name": "Lambda", "config": {}}]}).encode(), "keras-lambda"),
        (b"\x04\x22\x4d\x18" + bytes(20), "unknown"),
        (os.urandom(1) and bytes(range(256)) * 4, "unknown"),
        (b"", "empty"),
    ],
)
def test_code_and_unknown_content_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    assert codes(write(tmp_path, "model.onnx", data)) == {code}


def test_a_keras_archive_is_refused_for_its_lambda_and_its_hdf5(tmp_path: Path) -> None:
    config = json.dumps({"class_name": "Functional", "layers": [{"class_name": "Lambda"}]}).encode()
    path = write(tmp_path, "m", zipped({"config.json": config, "w.h5": b"\x89HDF\r\n\x1a\n" + bytes(99)}))
    assert {"keras-lambda", "hdf5"} <= codes(path)


@pytest.mark.parametrize("name", ["../x.npy", "/etc/x.npy", "a/../../x.npy", "C:\\x.npy", "..\\x.npy"])
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert "archive-path" in codes(write(tmp_path, "n.npz", zipped({name: npy(np.arange(3.0))})))


@pytest.mark.parametrize("pair", [("a.npy", "A.npy"), ("a.npy", "a.npy")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_and_case_colliding_names_are_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in pair:
            archive.writestr(name, npy(np.arange(3.0)))
    assert codes(write(tmp_path, "n.npz", buffer.getvalue())) == {"doubled-name"}


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link.npy")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert codes(write(tmp_path, "n.npz", buffer.getvalue())) == {"special-member"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as archive:
        archive.addfile(info)
    assert "special-member" in codes(tmp_path / "m.tar.gz")


def test_bombs_are_refused_before_unpacking(tmp_path: Path) -> None:
    bomb = zipped({"a.npy": bytes(64 << 20)})
    assert codes(write(tmp_path, "b.npz", bomb)) == {"archive-ratio"}
    assert codes(write(tmp_path, "b.csv.gz", gzip.compress(bytes(64 << 20), mtime=0))) == {"archive-ratio"}
    assert codes(write(tmp_path, "n.zip", zipped({"inner.zip": zipped({"a": b"1"})}))) == {
        "nested-archive",
        "unknown",
    }
    many = zipped({f"{i}.npy": b"1" for i in range(1001)}, zipfile.ZIP_STORED)
    assert codes(write(tmp_path, "m.npz", many)) == {"archive-members"}
    assert codes(write(tmp_path, "u.npz", zipped({"a.npy": bytes(4096)})), unpacked=1000) == {"archive-size"}


def test_packing_over_and_over_ends(tmp_path: Path) -> None:
    data = b"a,b\n1,2\n"
    for _ in range(10):
        data = gzip.compress(data, mtime=0)
    assert codes(write(tmp_path, "m.csv.gz", data)) == {"nested-archive"}


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    whole = zipped({"a.npy": npy(np.arange(100.0))})
    assert codes(write(tmp_path, "n.npz", whole[: len(whole) // 2])) == {"damaged"}
    assert codes(write(tmp_path, "g.csv.gz", gzip.compress(os.urandom(5000), mtime=0)[:2000])) == {"damaged"}


def safetensors(header: bytes, data: bytes = b"", size: int | None = None) -> bytes:
    return (len(header) if size is None else size).to_bytes(8, "little") + header + data


def test_safetensors_within_limits_pass_and_others_do_not(tmp_path: Path) -> None:
    good = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    assert scan(write(tmp_path, "a", safetensors(good, bytes(4)))).kind == "safetensors"
    assert codes(write(tmp_path, "a", safetensors(good, bytes(4)))) == set()
    assert codes(write(tmp_path, "b", safetensors(good, bytes(3)))) == {"damaged"}
    assert codes(write(tmp_path, "c", safetensors(good, size=1 << 40))) == {"header"}
    many = json.dumps({str(i): {"data_offsets": [0, 0]} for i in range(20)}).encode()
    assert codes(write(tmp_path, "d", safetensors(many)), tensors=10) == {"tensors"}


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"w": ONE}, bytes(12)),
        ({"w": ONE, "v": ONE}, bytes(4)),
        ({"w": {**ONE, "data_offsets": [4, 8]}}, bytes(8)),
        ({"w": {**ONE, "shape": [1_000_000]}}, bytes(4)),
        ({"w": {**ONE, "dtype": "OBJECT"}}, bytes(4)),
        ({"w": ONE, "__metadata__": {"x": {"y": 1}}}, bytes(4)),
        ({"w": [0, 4]}, bytes(4)),
    ],
)
def test_safetensors_with_room_for_something_else_are_refused(
    tmp_path: Path, header: dict[str, object], data: bytes
) -> None:
    assert codes(write(tmp_path, "m", safetensors(json.dumps(header).encode(), data))) == {"damaged"}


def test_a_name_twice_in_a_safetensors_header_is_refused(tmp_path: Path) -> None:
    twice = b'{"w": %b, "w": %b}' % ((json.dumps(ONE).encode(),) * 2)
    assert codes(write(tmp_path, "m", safetensors(twice, bytes(4)))) == {"damaged"}


def test_numbers_with_something_behind_them_are_refused(tmp_path: Path) -> None:
    assert codes(write(tmp_path, "n.npy", npy(np.arange(6.0)) + b"more")) == {"damaged"}
    assert codes(write(tmp_path, "t.npy", npy(np.array(["ab", "c"])))) == set()


@pytest.mark.parametrize("host", ["onnx", "safetensors", "xgboost-ubj", "npy", "parquet", "json", "text"])
def test_what_is_a_zip_to_another_reader_is_refused(tmp_path: Path, host: str) -> None:
    archive = zipped({"archive/data.pkl": pickle.dumps(Evil())})
    whole = {"dtype": "U8", "shape": [len(archive)], "data_offsets": [0, len(archive)]}
    hosts = {
        "onnx": onnx_model(tmp_path).read_bytes() + b"\x1a" + _varint(len(archive)),
        "safetensors": safetensors(json.dumps({"w": whole}).encode()),
        "xgboost-ubj": b"{L" + bytes(7) + b"\x07learner{}",
        "npy": npy(np.arange(3.0)),
        "parquet": b"PAR1" + bytes(20),
        "json": b'{"learner": 1}',
        "text": b"a,b\n1,2\n",
    }
    found = codes(write(tmp_path, "m.onnx", hosts[host] + archive))
    assert found & {"two-formats", "pickle"}
    assert codes(write(tmp_path, "p.onnx", hosts["parquet"])) == set()


def _varint(number: int) -> bytes:
    return bytes([number & 127 | 128, number >> 7]) if number > 127 else bytes([number])


@pytest.mark.parametrize(
    "data",
    [
        b"GGUF" + bytes(60),
        b"CBM1" + bytes(60),
        b"RDX3\nX\n" + bytes(60),
        bytes(12) + b"\xc2\xea\x81\x60" + bytes(60),
        gzip.compress(b"X\n\0\0\0\x03" + bytes(60), mtime=0),
    ],
    ids=["gguf", "catboost", "r-workspace", "sas-table", "r-object"],
)
def test_formats_that_are_not_known_to_be_data_are_refused(tmp_path: Path, data: bytes) -> None:
    assert codes(write(tmp_path, "m.onnx", data)) == {"unknown"}


def onnx_model(folder: Path, *, domain: str = "", location: str | None = None) -> Path:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    node = helper.make_node("Add", ["x", "w"], ["y"], domain=domain)
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    if location is not None:
        tensor.ClearField("float_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, 1]) for n in "xy"]
    graph = helper.make_graph([node], "g", value[:1], value[1:], [tensor])
    opsets = [helper.make_opsetid(d, 1 if d else 17) for d in {"", domain}]
    path = folder / "model.bin"
    path.write_bytes(onnx.ModelProto.SerializeToString(helper.make_model(graph, opset_imports=opsets)))
    return path


def test_a_plain_onnx_passes_whatever_its_name(tmp_path: Path) -> None:
    outcome = scan(onnx_model(tmp_path))
    assert (outcome.kind, outcome.verdict, outcome.findings) == ("onnx", "clean", ())


def test_custom_operators_are_named(tmp_path: Path) -> None:
    found = scan(onnx_model(tmp_path, domain="bank.example")).findings
    assert [f.code for f in found] == ["custom-operator"]
    assert 'operator Add of domain "bank.example"' in found[0].sentence


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "gone.bin", "", "a\\..\\b"])
def test_external_tensors_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    assert codes(onnx_model(tmp_path, location=location)) == {"external-data"}


def test_external_tensors_beside_the_model_are_listed_but_not_behind_links(tmp_path: Path) -> None:
    weights = write(tmp_path, "w.bin", bytes(4))
    outcome = scan(onnx_model(tmp_path, location="w.bin"))
    assert (outcome.verdict, outcome.files) == ("clean", ("w.bin",))
    os.link(weights, tmp_path / "hard.bin")
    assert codes(onnx_model(tmp_path, location="hard.bin")) == {"external-data"}
    (tmp_path / "soft.bin").symlink_to("/etc/passwd")
    assert codes(onnx_model(tmp_path, location="soft.bin")) == {"external-data"}


def test_boosters_tables_and_skops_pass(tmp_path: Path) -> None:
    import lightgbm
    import pyarrow as pa
    import pyarrow.parquet as pq
    import skops.io
    import xgboost
    from sklearn.ensemble import RandomForestClassifier

    x = np.random.default_rng(0).normal(size=(200, 3))
    y = (x[:, 0] > 0).astype(int)
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(x, y), 3)
    write(tmp_path, "x.json", bytes(booster.save_raw("json")))
    write(tmp_path, "x.ubj", bytes(booster.save_raw("ubj")))
    lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, y), 3).save_model(tmp_path / "l.txt")
    skops.io.dump(RandomForestClassifier(5).fit(x, y), tmp_path / "s.skops")
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "d.parquet")
    write(tmp_path, "d.csv", b"country,import\nFrance,1\n")
    write(tmp_path, "d.csv.gz", gzip.compress(b"c\n1\n2\n", mtime=0))
    kinds = {p.name: scan(p) for p in sorted(tmp_path.iterdir())}
    assert {n: s.verdict for n, s in kinds.items()} == dict.fromkeys(kinds, "clean")
    assert [s.kind for s in kinds.values()] == [
        "text", "text", "parquet", "lightgbm-text", "skops", "xgboost-json", "xgboost-ubj",
    ]  # fmt: skip


def test_refuse_code_says_why_in_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path, "m.onnx", pickle.dumps(Evil()))
    with pytest.raises(BadInput, match=r"m\.onnx is a Python pickle that names posix\.mkdir"):
        refuse_code(path)
    refuse_code(write(tmp_path, "d.csv", b"a,b\n1,2\n"))


def test_what_is_not_there_or_no_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        scan(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="not a plain file"):
        scan(tmp_path / "pipe")


def test_a_folder_is_scanned_whole_and_links_in_it_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", b"a\n1\n")
    assert scan(tmp_path).verdict == "clean"
    write(tmp_path, "b.csv", pickle.dumps(Evil()))
    (tmp_path / "c.csv").symlink_to(tmp_path / "a.csv")
    assert codes(tmp_path) == {"pickle", "special-member"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_get_an_answer(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = write(tmp_path_factory.mktemp("any"), "m", data)
    assert scan(path).verdict in ("clean", "refused")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1), st.integers()), min_size=1))
def test_tables_of_words_and_numbers_pass(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    body = "word,number\n" + "".join(f"{w},{n}\n" for w, n in rows)
    assert scan(write(tmp_path_factory.mktemp("csv"), "d.csv", body.encode())).verdict == "clean"
