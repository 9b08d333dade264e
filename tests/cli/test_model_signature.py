"""S04 by the program: a folder or a file, the signature that came with it, and the key that is trusted."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.engine.test_model_signing import FILES, KEY, OTHER, PUBLISHED, bundle, pem, statement

CONTENT = {"config.json": b"abc", "weights/part-1.bin": b"hello world", "weights-2": b""}
ASK = ("verify", "--model-signature", "credit/model.sig", "--artifact", "credit", "--key", "key.pem")


@pytest.fixture
def credit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A signed model in the folder `credit`, the signature within it, and the keys beside it."""
    monkeypatch.chdir(tmp_path)
    for name, content in CONTENT.items():
        (tmp_path / "credit" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "credit" / name).write_bytes(content)
    shutil.copy(PUBLISHED / "by-key.sig", tmp_path / "credit" / "model.sig")
    shutil.copy(PUBLISHED / "key.pem", tmp_path)
    shutil.copy(PUBLISHED / "certificate.pem", tmp_path)
    (tmp_path / "other.pem").write_bytes(pem(OTHER))
    return tmp_path / "credit"


def test_exactly_the_signed_files_are_genuine(credit: Path, program: Program) -> None:
    code, out, err = program(*ASK)
    assert (code, err) == (0, "")
    assert out.startswith("credit/model.sig: genuine model signature\n")
    assert "files        3" in out
    shutil.move(credit / "model.sig", "elsewhere.sig")
    code, out, _ = program(*ASK[:2], "elsewhere.sig", *ASK[3:], "--format", "json")
    assert code == 0
    assert json.loads(out)["files"][0]["genuine"] is True


def socket_at(_: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("credit/s")


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda f: (f / "evil.py").write_text("x"), 'The file "evil.py" is there, but it was not signed.'),
    (lambda f: (f / ".gitignore").write_text("x"), 'The file ".gitignore" is there, but it was not signed.'),
    (lambda f: shutil.copy(f / "model.sig", f / "other.sig"), 'The file "other.sig" is there, but'),
    (lambda f: (f / "weights-2").write_text("x"), 'The file "weights-2" is not the file that was signed'),
    (lambda f: (f / "weights/part-1.bin").unlink(), '"weights/part-1.bin" was signed, but it is not there.'),
    (lambda f: (f / "a").symlink_to("weights-2"), '"a" is a symbolic link; a signed model holds files only.'),
    (lambda f: (f / "d").symlink_to("weights"), '"d" is a symbolic link'),
    (lambda f: os.mkfifo(f / "weights" / "p"), '"weights/p" is a device, pipe or socket'),
    (socket_at, '"s" is a device, pipe or socket'),
    (lambda f: (Path(os.fsdecode(bytes(f) + b"/\xff"))).write_text("x"), "is there, but it was not signed."),
    (lambda f: (f / "\x1b[31m").write_text("x"), r'"\x1b[31m" is there, but it was not signed.'),
    (lambda f: shutil.copy("other.pem", "key.pem"), "The model was signed with another key"),
    (lambda f: (f / "model.sig").write_text("{"), "The model signature is not JSON"),
]


@pytest.mark.parametrize(("change", "why"), CHANGES, ids=map(str, range(len(CHANGES))))
def test_any_other_folder_is_not_genuine(
    credit: Path, program: Program, change: Callable[[Path], object], why: str
) -> None:
    change(credit)
    code, out, err = program(*ASK)
    assert (code, err) == (1, "")
    assert out.startswith("credit/model.sig: not genuine. ")
    assert why in out


def test_a_signed_file_behind_a_link_is_refused(credit: Path, program: Program) -> None:
    (credit / "config.json").rename("config.json")
    (credit / "config.json").symlink_to("../config.json")
    code, out, _ = program(*ASK)
    assert code == 1
    assert '"config.json" is a symbolic link' in out


def test_a_certificate_counts_at_a_time(credit: Path, program: Program) -> None:
    asked = (*ASK[:-1], "certificate.pem", "--at")
    assert program(*asked, "2026-12-01T00:00:00Z")[0] == 0
    code, out, _ = program(*asked, "2027-12-01T00:00:00Z")
    assert code == 1
    assert "The certificate counts from 2026-11-22" in out


def test_a_single_file(tmp_path: Path, program: Program) -> None:
    model, signature, key = tmp_path / "m.onnx", tmp_path / "m.sig", tmp_path / "k.pem"
    model.write_bytes(b"abc")
    signature.write_text(json.dumps(bundle(statement({".": FILES["config.json"]}), KEY)))
    key.write_bytes(pem(KEY))
    asked = ("verify", "--model-signature", str(signature), "--artifact", str(model), "--key", str(key))
    assert program(*asked)[0] == 0
    model.write_bytes(b"abd")
    code, out, _ = program(*asked)
    assert code == 1
    assert "The model as a single file is not the file that was signed" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("verify", "--key", "key.pem"), "needs --model-signature, --artifact and --key"),
        (ASK[:-2], "needs --model-signature, --artifact and --key"),
        ((*ASK, "receipt.txt"), "FILE does not go with --model-signature"),
        ((*ASK, "--keys", "k.json"), "--keys does not go with --model-signature"),
        ((*ASK, "--in-log"), "--in-log does not go with --model-signature"),
        ((*ASK, "--epoch", "0"), "--epoch does not go with --model-signature"),
        ((*ASK[:-1], "absent.pem"), "absent.pem cannot be read"),
        ((*ASK[:-1], "credit/config.json"), "neither a public key nor a certificate"),
        ((*ASK[:4], "absent", *ASK[5:]), "absent cannot be read"),
        ((*ASK[:4], "a\0b", *ASK[5:]), "cannot be read"),
        ((*ASK[:2], "absent.sig", *ASK[3:]), "absent.sig cannot be read"),
        ((*ASK[:4], "/dev/null", *ASK[5:]), "/dev/null is not a regular file"),
        ((*ASK[:2], "/dev/zero", *ASK[3:]), "zero is larger than 16384 KiB"),
    ],
)
def test_what_cannot_be_asked_or_read_ends_with_4(
    credit: Path, program: Program, words: tuple[str, ...], why: str
) -> None:
    code, out, err = program(*words)
    assert (code, out) == (4, "")
    assert why in err
