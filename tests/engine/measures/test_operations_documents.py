"""Times of a machine, and papers of people."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.engine.columns import Columns
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.examples import Weighted
from apps.engine.inputs import Artifact
from apps.engine.measures.documents import present
from apps.engine.measures.operations import latency, memory, throughput

MODEL, ROWS = Weighted({"a": 1.0}), Columns.of(a=[1.0, 2.0])
CARD = {"type": "model-card", "sha256": "0" * 64, "date": "2026-01-02"}


def test_latency_orders_its_percentiles_and_names_the_hardware() -> None:
    made = latency(model=MODEL, features=ROWS, calls=30, hardware="2 cores")
    times = made.tables["times"][0]
    assert 0 < times["p50"] <= made.value == times["p95"] <= times["p99"] <= times["largest"]
    assert (made.parameters["hardware"], made.n) == ("2 cores", 30)


def test_throughput_and_memory_are_of_the_rows_asked_for(tmp_path: Path) -> None:
    made = throughput(model=MODEL, features=ROWS, rows=500, repeats=3)
    assert made.interval is not None
    assert made.interval[0] <= made.value <= made.interval[1]
    (tmp_path / "m").write_bytes(b"12345")
    used = memory(model=MODEL, features=ROWS, rows=500, artifact=Artifact(tmp_path / "m", "onnx", ""))
    assert used.parameters["artifact_bytes"] == 5
    assert used.value > 10


@pytest.mark.parametrize("check", [latency, throughput, memory])
def test_nothing_to_run_has_a_reason(check: object) -> None:
    with pytest.raises(Unmeasurable, match="nothing can be timed"):
        check(model=None, features=ROWS)  # type: ignore[operator]
    with pytest.raises(Unmeasurable, match="no rows"):
        check(model=MODEL, features=Columns.of(a=[]))  # type: ignore[operator]


def test_each_required_type_is_met_or_says_what_it_lacks() -> None:
    made = present(declared={"documents": [CARD]}, types=["model-card", "monitoring-plan"])
    assert (made.value, made.notes) == (1.0, ["monitoring-plan lacks a document."])
    signed = present(declared={"documents": [CARD, {**CARD, "signed_by": "v"}]}, signed=True)
    assert signed.value == 0.0
    assert present(declared={"documents": [CARD]}, signed=True).notes == ["model-card lacks signed_by."]
    undated = {"type": "model-card"}
    assert present(declared={"documents": [undated]}).notes == ["model-card lacks sha256, date."]


@pytest.mark.parametrize(("as_of", "value"), [("2026-02-01", 0.0), ("2026-02-02", 1.0), ("2026-01-01", 1.0)])
def test_age_is_held_against_the_day_given(as_of: str, value: float) -> None:
    assert present(declared={"documents": [CARD]}, as_of=as_of, max_age_days=30).value == value


def test_documents_that_cannot_be_read_are_bad_input() -> None:
    with pytest.raises(BadInput, match="must be a list"):
        present(declared={"documents": "card.pdf"})
    with pytest.raises(BadInput, match="needs as_of"):
        present(declared={}, max_age_days=3)
    with pytest.raises(BadInput, match='"soon" is not a date'):
        present(declared={"documents": [{**CARD, "date": "soon"}]}, as_of="2026-01-01", max_age_days=3)


def test_a_digest_that_is_none_and_no_type_at_all_are_no_documents() -> None:
    wrong = present(declared={"documents": [{**CARD, "sha256": "5"}]})
    assert wrong.notes == ["model-card lacks a sha256 of 64 hexadecimal digits."]
    with pytest.raises(BadInput, match="at least one type"):
        present(declared={}, types=[])
