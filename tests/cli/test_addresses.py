"""What is no address of a server, no duration and no text: told in a sentence, nothing sent, no yes."""

from __future__ import annotations

import pytest

from apps.cli import client as talking
from tests.cli.conftest import Program

CHECK = ("gate", "check", "--model", "m", "--version", "1", "--environment", "e")
NOWHERE = ("--server", "http://127.0.0.1:9")


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(talking.TOKEN, "cs_" + "t" * 43)
    monkeypatch.setattr(talking, "RETRIES", ())


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://host:x",
        "http://host:99999999",
        "http://127.0.0.1:0",
        "https://a b/",
        "http://\u2603.example",
        "http://127.0.0.1:9/\u00fc",
        "http://" + "a" * 64 + ".example",
        "http://..",
        "http://127.0.0.1:9?x=1",
        "http://127.0.0.1:9#f",
        "http://user:hunter2@127.0.0.1:9",
        "http://",
        "ftp://x",
        "\udce4",
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_sent(program: Program, url: str) -> None:
    code, out, err = program(*CHECK, "--server", url)
    assert (code, out) == (2, "")
    assert err.startswith("countersign: Say which server")
    assert "hunter2" not in err


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "HTTP://localhost.:9/", "http://[::1]:9", "http://h:9/a"]
)
def test_a_server_that_is_away_is_told_and_is_no_answer(program: Program, url: str) -> None:
    code, _, err = program(*CHECK, "--server", url)
    assert (code, err.startswith("countersign: not allowed, for it could not be asked. ")) == (4, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--wait", "-1"),
        ("--wait", "\uff19m"),
        ("--wait", "9" * 400 + "h"),
        ("--type", "Service"),
        ("--property", "x"),
        ("--property", "x="),
        ("--property", "x=1", "--property", "x=2"),
    ],
)
def test_a_wrong_flag_is_a_usage_error(program: Program, words: tuple[str, ...]) -> None:
    assert program(*CHECK, *NOWHERE, *words)[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("gate", "check", "--model", "m\udce4", "--version", "1", "--environment", "e"),
        ("submit", "m@1\udce4"),
        ("export", "m\udce4@1", "--format", "spdx"),
    ],
)
def test_bytes_that_are_no_text_are_told(program: Program, words: tuple[str, ...]) -> None:
    code, _, err = program(*words, *NOWHERE)
    assert (code, "are no text" in err) == (4, True)
