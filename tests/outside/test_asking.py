"""One request: where it goes, what it takes in, when it ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from apps.engine.errors import BadInput
from apps.outside.asking import Answer, Away, post
from apps.outside.permits import Permits
from tests.outside.scorer import Running

ROWS = b'{"features": ["a"], "rows": [[0]]}'


def ask(scorer: Running, path: str, **more: Any) -> Answer:
    allowed = Permits.of([scorer.allowed]).allowed[0]
    return post(scorer.url(path), ROWS, {}, allowed=allowed, **({"most": 65536, "seconds": 5} | more))


def to(*addresses: str) -> Any:
    def resolve(_: str, __: int) -> Sequence[str]:
        return addresses

    return resolve


def test_the_answer_is_taken_in(scorer: Running) -> None:
    found = ask(scorer, "/ok")
    assert (found.status, found.body) == (200, b'{"scores": [0.5], "model": "pd 7"}')


def test_an_endless_answer_is_cut(scorer: Running) -> None:
    with pytest.raises(BadInput, match="answered more than the 65,536 bytes"):
        ask(scorer, "/flood")


def test_an_answer_that_drips_ends_with_its_time(scorer: Running) -> None:
    began = time.monotonic()
    with pytest.raises(Away, match="did not end in time"):
        ask(scorer, "/drip", seconds=0.4)
    assert time.monotonic() - began < 3


def test_an_answer_that_breaks_off_is_none(scorer: Running) -> None:
    with pytest.raises(Away, match="gave no answer"):
        ask(scorer, "/cut")


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::a00:1"])
def test_a_name_that_leads_elsewhere_is_not_connected_to(scorer: Running, address: str) -> None:
    with pytest.raises(BadInput, match="may not be asked"):
        ask(scorer, "/ok", resolve=to("127.0.0.1", address))
    assert not scorer.seen


def test_a_name_is_looked_up_once_and_the_address_checked_is_the_one_connected_to(scorer: Running) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    assert ask(scorer, "/ok", resolve=lambda _, __: next(answers)).status == 200


def test_no_proxy_is_taken_from_the_environment(scorer: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ask(scorer, "/ok").status == 200


def test_a_redirect_is_an_answer_and_not_followed(scorer: Running) -> None:
    assert ask(scorer, "/moved").status == 307
    assert len(scorer.seen) == 1


def test_a_name_without_an_address_is_said(scorer: Running) -> None:
    with pytest.raises(Away, match="has no address"):
        ask(scorer, "/ok", resolve=to())
