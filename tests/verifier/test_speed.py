"""How many events of a log the separate verifier checks in a second of one processor."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from apps.engine.merkle import CompactRange, leaf_hash
from tests.verifier.both import verifier
from tests.verifier.making import AT, Making

EVENTS = 40_000
LEAST = 15_000  # 50,000 and more on a core of its own; here the machine is shared


@pytest.mark.slow
def test_a_log_is_checked_at_the_speed_of_its_events(tmp_path: Path, capsys) -> None:
    made = Making()
    made.grow(EVENTS)
    grown = CompactRange()
    for body in made.events:
        grown.append(leaf_hash(body))
    made.root = lambda size: grown.root()  # type: ignore[method-assign]
    place = made.write(tmp_path / "pack.zip")
    (tmp_path / "keys.json").write_text(json.dumps(made.keys.as_json()))
    begin = time.process_time()
    assert verifier([str(place), "--keys", str(tmp_path / "keys.json"), "--at", AT]) == 0
    took = time.process_time() - begin
    assert f"{EVENTS} disclosed" in capsys.readouterr().out
    assert EVENTS / took > LEAST, f"{EVENTS / took:.0f} events/s"
