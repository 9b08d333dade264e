"""`countersign export`: the server's bytes as they are, to standard output or to a file, or a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.cli import client as talking
from apps.cli.export import FORMATS
from tests.cli.conftest import Program
from tests.cli.loopback import Loopback, Told, loopback

BYTES = b'{"a": 1,\r\n "b": "\xc3\xa4"}\x00'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv(talking.TOKEN, "cs_" + "t" * 43)
    monkeypatch.delenv(talking.TOKEN_FILE, raising=False)
    monkeypatch.setattr(talking, "RETRIES", (0.01,))
    with loopback(lambda _: Told(200, BYTES)) as found:
        monkeypatch.setenv(talking.URL, found.url)
        yield found


def test_a_file_is_what_the_server_gave_byte_by_byte(
    server: Loopback, program: Program, tmp_path: Path
) -> None:
    place = tmp_path / "taken"
    for name in FORMATS:
        assert program("export", "credit/pd@1 a", "--format", name, "--out", str(place))[0] == 0
        assert place.read_bytes() == BYTES
    assert server.asked[0].path == "/api/v1/models/credit%2Fpd/versions/1%20a/" + FORMATS["model-card"]
    assert {one.path.rpartition("/")[2] for one in server.asked} == set(FORMATS.values())


def test_without_a_file_it_goes_to_standard_output(
    server: Loopback, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    from apps.cli.main import main

    assert main(["export", "credit-pd@1", "--format", "oscal"]) == 0
    assert capsysbinary.readouterr().out == BYTES


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (Told(404, {"detail": "There is no version."}), 1),
        (Told(409, {"detail": "no"}), 1),
        (Told(403, {"detail": "no"}), 4),
        (Told(503, {}), 4),
        (None, 4),
        (Told(302, b"", {"Location": "http://elsewhere.example/"}), 1),
    ],
)
def test_what_cannot_be_had_leaves_no_file(
    server: Loopback, program: Program, tmp_path: Path, told: Told | None, code: int
) -> None:
    server.answer = lambda _: told
    place = tmp_path / "taken"
    found = program("export", "credit-pd@1", "--format", "sarif", "--out", str(place))
    assert found[0] == code
    assert found[2].startswith("countersign: ")
    assert not place.exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("credit-pd", "--format", "spdx"), 4, "MODEL@VERSION"),
        (("credit-pd@1", "--format", "docx"), 2, "invalid choice"),
        (("credit-pd@1", "--format", "spdx", "--out", "."), 4, "is a folder"),
        (("credit-pd@1", "--format", "spdx", "--server", "ftp://x"), 2, "which server"),
    ],
)
def test_a_wrong_command_is_told_before_anything_is_asked(
    server: Loopback, program: Program, words: tuple[str, ...], code: int, told: str
) -> None:
    found = program("export", *words)
    assert (found[0], told in found[2]) == (code, True)
    assert not server.asked
