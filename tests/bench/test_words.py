"""The words of `./countersign bench`."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import main, names


def test_the_list_names_every_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == names()
    assert {"groups", "ranking", "streaming", "trees", "blackbox", "drift", "answers"} <= set(names())
    assert "smoke" not in names()


def test_an_unknown_one_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "weather"])
    assert 'there is no measurement "weather"; there is groups, ' in capsys.readouterr().err
