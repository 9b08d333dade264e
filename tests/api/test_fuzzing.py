"""The published description is tried with what schemathesis makes of it: no 5xx, nothing undescribed."""

from __future__ import annotations

import os

import pytest

from tests.api.fuzzing import Fuzzer, operations
from tests.standing import Standing

# `./countersign test-all` tries each operation a hundred times, from a seed of its own.
LONG = "COUNTERSIGN_TEST_BROKERS" in os.environ
EXAMPLES, SEED = (100, int(os.environ.get("FUZZ_SEED", "1"))) if LONG else (3, 0)


@pytest.mark.slow
def test_no_request_finds_an_answer_that_is_not_described(world: Standing) -> None:
    fuzzer = Fuzzer(world, examples=EXAMPLES, seed=SEED)

    assert list(fuzzer.try_all()) == []
    assert len(fuzzer.answered) > len(operations()) / 4, "otherwise only refusals were tried"
