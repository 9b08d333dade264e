"""Simulate, and write the tables of docs/coverage.md: ``python -m tests.engine.coverage.table 1000``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.engine.coverage.exact import exact
from tests.engine.coverage.population import CASES, Case, Covered

PAGE = Path(__file__).parents[3] / "docs" / "coverage.md"
NOMINAL = 0.95
SEED = 20
_EXACT, _SIMULATED, _SHORT = "exact", "simulated", "short"


def mark(share: float, error: float = 0.0) -> str:
    """Whether a method is off by more than a point and twice the simulation's error."""
    room = 0.01 + 2 * error
    return "wide" if share > NOMINAL + room else "**short**" if share < NOMINAL - room else ""


def exact_rows() -> list[str]:
    """The closed methods."""
    return ["| Method | Situation | Holds the truth | |", "|---|---|---|---|"] + [
        f"| {one.method} | {one.situation} | {one.coverage:.1%} | {mark(one.coverage)} |" for one in exact()
    ]


def simulate(samples: int) -> list[Covered]:
    """Every case at every size, on two processes; the same for any number of them."""
    work = [(case, n, samples) for case in CASES for n in case.sizes]
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(_one, work, chunksize=1))


def _one(work: tuple[Case, int, int]) -> Covered:
    case, n, samples = work
    return case.covered(n, samples, SEED)


def simulated_rows(found: list[Covered]) -> list[str]:
    """The checks themselves."""
    head = f"{found[0].samples:,} samples each.\n"
    return [head, "| Check | Interval | n | Holds the truth | ± | |", "|---|---|---|---|---|---|"] + [
        f"| `{one.case.check}`{_said(one.case)} | {one.method} | {one.n:,} | {one.share:.1%}{_some(one)} | "
        f"{one.error:.1%} | {mark(one.share, one.error)} |"
        for one in found
    ]


def _said(case: Case) -> str:
    rest = case.name.removeprefix(case.check).removeprefix(", ")
    return f" ({rest})" if rest else ""


def _some(one: Covered) -> str:
    return "" if one.made == one.samples else f" of the {one.made / one.samples:.0%} with a number"


def short_rows(found: list[Covered]) -> list[str]:
    """Where a method is short, most of all first."""
    short = sorted((o for o in found if mark(o.share, o.error) == "**short**"), key=lambda o: o.share)
    return [
        f"- `{o.case.check}`{_said(o.case)} with {o.n:,} rows: {o.share:.1%} ± {o.error:.1%}" for o in short
    ] or ["- nowhere, within the error of the simulation."]


def written(page: str, parts: dict[str, list[str]]) -> str:
    """The page with the tables between its marks replaced."""
    for name, rows in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        body = "\n".join(["", *rows, ""])
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}\n{body}\n{end}{rest.partition(end)[2]}"
    return page


def read(page: str) -> Iterator[tuple[str, float]]:
    """The simulated figures that the page prints, by check and size."""
    for line in page.splitlines():
        found = re.match(r"\| `([^`]+)`( \([^|]*\))? \| [^|]* \| ([\d,]+) \| ([\d.]+)%", line)
        if found:
            yield f"{found[1]}{found[2] or ''} n = {found[3]}", float(found[4]) / 100


def samples_of(page: str) -> int:
    """How many samples each simulated figure of the page rests on."""
    found = re.search(r"([\d,]+) samples each", page)
    return int(found[1].replace(",", "")) if found else 1


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    results = simulate(count)
    parts = {_EXACT: exact_rows(), _SIMULATED: simulated_rows(results), _SHORT: short_rows(results)}
    PAGE.write_text(written(PAGE.read_text(), parts))
    print(f"{len(results)} rows of {count} samples written to {PAGE.name}")
