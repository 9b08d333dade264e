"""What is no document is refused in a sentence, and never waited for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from apps.cli.main import main
from apps.engine import files
from apps.engine.errors import BadInput
from apps.engine.files import read_document


def test_a_file_is_read_and_one_byte_more_than_the_most_shows_that_it_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 200_000)
    assert read_document(tmp_path / "a", 200_000) == b"x" * 200_000
    assert len(read_document(tmp_path / "a", 1000)) == 1001


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"y" * 100_000,))
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # so that the writer may begin
    writer.start()
    try:
        assert read_document(tmp_path / "pipe", 1 << 20).startswith(b"y")
    finally:
        os.close(reader)
        writer.join()


def test_a_pipe_that_is_held_open_in_silence_is_given_up(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 0.01)
    os.mkfifo(tmp_path / "pipe")
    held = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        with pytest.raises(BadInput, match="nothing came for 0 seconds"):
            read_document(tmp_path / "pipe", 1000)
    finally:
        os.close(held)


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null"])
@pytest.mark.parametrize(
    "words", [["measure", "{}", "--check", "performance.auc"], ["policy", "lint", "{}"], ["verify", "{}"]]
)
def test_devices_are_no_documents(place: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word.format(place) for word in words]) in {1, 4}
    told = capsys.readouterr()
    assert "it is not a file" in told.out + told.err
