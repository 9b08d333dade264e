"""Write docs/oracles.md: ``python -m tests.engine.oracles.table``."""

from __future__ import annotations

import importlib
import os
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

import tests.engine.published as published
from tests.engine.laws.specimens import CHECKS, World, model_file, people
from tests.engine.oracles.all import ORACLES, cases
from tests.engine.published.printed import PRINTED

PAGE = Path(__file__).parents[3] / "docs" / "oracles.md"
HEAD = """# Where each number was checked

A number that a regulator reads has to be right by more than its own word. Each check of the catalogue is
computed again by an implementation that shares no code with it: another library, or the definition written
out as loops over rows. Both see the same seven worlds of 300 people: two at random, and five made to break
what is written carelessly (few distinct scores, rare positives, scores that differ in their last bit, one
large group, scores at the ends).

*Largest difference* is over all numbers compared, relative where they are above 1. Where the other
implementation draws at random or measures time, two draws differ, and the bound says how far they may.

Run it again: `python -m pytest tests/engine/oracles tests/engine/published`; write this page again:
`python -m tests.engine.oracles.table`. A test fails where a check of the catalogue is missing here.
"""
PUBLISHED = """
## Published tables

Each is rebuilt row by row from the counts that its source prints, and meets every digit that is printed.
The last column says how we know what is printed: *seen* names the text in which the figures were read (the
source itself or one that quotes it); *recalled* figures were written from memory and still stand to be read.

| Source | What it prints | Checks | How it was checked |
|---|---|---|---|"""
TAIL = """
Worked by hand in tests/engine/published: Murphy's parts of Brier's ten forecasts, Spiegelhalter's z of four,
and a stability report of ten bands. No published table was found for the other checks; they rest on the
implementations above and on the hand-worked cases in tests/engine/measures.
"""


def rows() -> Iterable[str]:
    """One row an implementation, by check."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        worlds = cases(World(people(later=True), people(300, 5), model_file(Path(folder))))
        for one in sorted(ORACLES, key=lambda o: (o.check, o.by)):
            largest, compared = one.largest(worlds)
            told = "0" if largest == 0 else f"{largest:.0e}"
            if one.within >= 1e-3:
                told = f"at most {one.within:g}"
            yield f"| `{one.check}` | {one.by} | {compared:,} | {told} |"


def printed_rows() -> Iterable[str]:
    """One row a published figure, by source."""
    for name in sorted(os.listdir(Path(published.__file__).parent)):
        if name.startswith("test_"):
            importlib.import_module(f"{published.__name__}.{name.removesuffix('.py')}")
    for one in PRINTED:
        checks = ", ".join(f"`{check}`" for check in one.checks)
        yield f"| {one.source} | {one.what} | {checks} | {one.checked} |"


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            HEAD,
            "## Independent implementations\n",
            "| Check | Computed again by | Numbers | Largest difference |",
            "|---|---|---|---|",
            *rows(),
            PUBLISHED,
            *printed_rows(),
            TAIL,
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{len(CHECKS)} checks, {len(ORACLES)} implementations, {len(PRINTED)} published tables")
