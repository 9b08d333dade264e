from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Program


@pytest.mark.parametrize(
    "data", [b"", b"x", b"{}", b"[]", b"\0" * 99, b"%PDF-1.7\n", b'{"a": NaN}', b"[" * 99_999]
)
def test_what_is_no_statement_is_not_genuine(tmp_path: Path, program: Program, data: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    code, out, err = program("verify", str(tmp_path / "f"))
    assert (code, err) == (1, "")
    assert ": not genuine. " in out
    assert "Traceback" not in out


@pytest.mark.parametrize("name", ["absent", ".", "a\0b", "x" * 5000])
def test_what_cannot_be_read_could_not_be_verified(program: Program, name: str) -> None:
    code, out, err = program("verify", name)
    assert (code, err) == (4, "")
    assert "could not be verified." in out
    assert "cannot be read" in out or "does not exist" in out
