from __future__ import annotations

import pytest

from apps.cli import client as talking
from apps.cli.main import main
from tests.cli.loopback import Told, loopback

LINE = {"policy": "cards", "version": "1.0.0", "title": "Cards", "rests_on": "1.0.0", "newest": "1.1.0"}


@pytest.mark.parametrize(
    ("behind", "code", "more"), [(True, 1, ": on the old one, 1.1.0 is released"), (False, 0, "")]
)
def test_it_lists_who_rests_on_a_policy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], behind: bool, code: int, more: str
) -> None:
    body = {"policy": "base@1.1.0", "used_by": [{**LINE, "behind": behind}]}
    monkeypatch.setenv(talking.TOKEN, "cs_" + "t" * 43)
    with loopback(
        lambda asked: Told(200, body) if "/policies/base/used-by" in asked.path else Told(404, {})
    ) as found:
        monkeypatch.setenv(talking.URL, found.url)
        assert main(["policy", "used-by", "base"]) == code
    said = capsys.readouterr().out.splitlines()
    assert said == ["base@1.1.0 is used by 1 policy.", f"  cards@1.0.0 rests on 1.0.0{more}"]


def test_without_a_server_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(talking.URL, raising=False)
    assert main(["policy", "used-by", "base"]) == 2
    assert talking.URL in capsys.readouterr().err
