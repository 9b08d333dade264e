"""Where an answer is written: a file whole or not at all, and a device stays a device."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from apps.cli.output import put
from apps.engine.errors import BadInput


def test_a_link_goes_on_being_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    put("new", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        put("answer", str(tmp_path / "pipe"))
        assert os.read(reader, 100) == b"answer"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no device that is always full")
def test_a_full_device_is_told_and_stays_a_device() -> None:
    with pytest.raises(BadInput, match=r"/dev/full cannot be written: No space left on device\."):
        put("answer", "/dev/full")
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("place", [".", "loop", "gone/answer"])
def test_what_is_no_place_for_an_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInput, match=f"{place} cannot be written: "):
        put("answer", place)
    assert [one.name for one in tmp_path.iterdir()] == ["loop"]
