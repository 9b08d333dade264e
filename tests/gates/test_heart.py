from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from apps.gates.heart import Heart
from apps.gates.progress import Tally
from tests.gates import rows


def beating(answers: Iterator[Callable[[], bool]], *, until: threading.Event) -> Callable[[], bool]:
    def keep() -> bool:
        try:
            return next(answers)()
        except StopIteration:
            until.set()
            return True

    return keep


def away() -> bool:
    raise OperationalError("the server closed the connection")


def test_it_beats_until_it_is_stopped() -> None:
    done = threading.Event()
    with Heart(beating(iter([lambda: True] * 3), until=done), every=0.01) as heart:
        assert done.wait(5)
    assert not heart.lost.is_set()


def test_it_stops_once_the_run_is_somebody_elses() -> None:
    with Heart(lambda: False, every=0.01) as heart:
        assert heart.lost.wait(5)


def test_a_database_that_is_away_is_no_loss(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()
    with Heart(beating(iter([away, away]), until=done), every=0.01) as heart:
        assert done.wait(5)
    assert not heart.lost.is_set()
    assert "a lease could not be kept this time" in caplog.text


def test_progress_is_told_gate_by_gate() -> None:
    shown = []
    policy = rows.read_policy(
        rows.policy_text() + b"  - {id: second, check: security.artifact_scan, pass: {max: 1}}\n", name="p"
    )
    tally = Tally(policy.gates, lambda done, rows: shown.append((done, [r["state"] for r in rows])))
    for done, gate in enumerate(("security.scan", "second", None)):
        tally({"done": done, "of": 2, "gate": gate})
    assert shown == [
        (0, ["measuring", "waiting"]),
        (1, ["measured", "measuring"]),
        (2, ["measured", "measured"]),
    ]
