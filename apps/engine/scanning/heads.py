"""Tell what content is by its bytes alone; the file's name plays no part."""

from __future__ import annotations

import re
from typing import Any

from apps.engine.scanning.onnx import looks_like_onnx

_HEAD = 1 << 20
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x93NUMPY", "npy"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (b"\x7fELF", "elf"),
    (b"MZ", "windows-program"),
    (b"\xfe\xed\xfa\xce", "mach-o"),
    (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\xce\xfa\xed\xfe", "mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"\xca\xfe\xba\xbe", "java-class"),
    (b"\xac\xed\x00\x05", "java-object"),
    (b"\x00asm", "webassembly"),
    (b"#!", "script"),
)
_LAMBDA = re.compile(rb'"class_name"\s*:\s*"(?:[\w.>]*>)?(Lambda|TFOpLambda)"')
_PYTHON = re.compile(
    rb"^[ \t]*(?:import[ \t]+[A-Za-z_][\w.]*(?:[ \t]+as[ \t]+\w+)?[ \t]*(?:[;#,].*)?\r?$"
    rb"|from[ \t]+[.\w]+[ \t]+import[ \t]+[\w(*]"
    rb"|(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*(?:\([^)\n]*\))?:"
    rb"|(?:exec|eval|compile|__import__)[ \t]*\()",
    re.MULTILINE,
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def kind_of(data: Any) -> str:
    """The kind of the content, or ``"unknown"``.

    Examples
    --------
    >>> kind_of(b"income,age" + bytes([10]) + b"1,2"), kind_of(b"MZ" + bytes(9)), kind_of(b"{}")
    ('text', 'windows-program', 'json')
    """
    head = bytes(data[:_HEAD])
    if not head:
        return "empty"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return _structured(data, head)


def _structured(data: Any, head: bytes) -> str:
    for kind, says in (("python-bytecode", _bytecode), ("hdf5", _hdf5), ("tar", _tar), ("zlib", _zlib)):
        if says(head):
            return kind
    if _safetensors(head):
        return "safetensors"
    if head[:1] == b"{" and b"learner" in head[:64] and head[1:2] in b"LliIU":
        return "xgboost-ubj"
    if head[0] < 0x80 and head[0] & 7 in (0, 2) and looks_like_onnx(data):
        return "onnx"
    return _textual(head)


def _textual(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text"
    if _CONTROL.search(head):
        return "unknown"
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.startswith((b"tree\n", b"tree\r\n")) and b"version=" in plain[:64]:
        return "lightgbm-text"
    if plain.startswith((b"{", b"[")):
        if _LAMBDA.search(head):
            return "keras-lambda"
        return "xgboost-json" if b'"learner"' in head else "json"
    return "python-source" if _PYTHON.search(head) else "text"


def has_keras_lambda(data: Any) -> bool:
    """True where a Keras configuration anywhere in the content holds a Lambda layer."""
    return _LAMBDA.search(data) is not None


def has_python_source(data: Any) -> bool:
    """True where any line of the content is an import, a definition or a call that runs code."""
    return _PYTHON.search(data) is not None


def _bytecode(head: bytes) -> bool:
    number = int.from_bytes(head[:2], "little")
    pyc = head[2:4] == b"\r\n" and (3000 <= number < 4000 or 62000 <= number < 62300)
    marshal = head[:1] in (b"\xe3", b"c") and len(head) > 5 and head[2:5] == b"\0\0\0"
    return pyc or marshal


def _hdf5(head: bytes) -> bool:
    starts = (0, *(512 << i for i in range(11)))
    return any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in starts)


def _tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _zlib(head: bytes) -> bool:
    return (
        head[:1] == b"x"
        and len(head) > 1
        and (head[0] * 256 + head[1]) % 31 == 0
        and head[1] in b"\x01\x5e\x9c\xda"
    )


def _safetensors(head: bytes) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and head[9:10] in b'" }\n' and b"\0" in head[:8]
