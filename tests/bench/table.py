"""The table of measurements: collected in a run, printed, and written into docs/performance.md.

`python -m tests.bench.table` writes the results of the newest run between the marks of that page.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measuring import ROOT

RESULTS = ROOT / ".state" / "bench.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measurements: begin -->", "<!-- measurements: end -->"
COLUMNS = ("what", "ours", "peer", "peer's", "ratio", "goal", "met?", "peak memory", "share of the limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measurement: our figure, a named peer's, their ratio, the peak memory of both."""

    part: str
    what: str
    ours: str
    peer: str = ""
    theirs: str = ""
    ratio: str = ""
    memory: str = ""
    goal: str = ""
    met: str = ""
    limit: str = ""

    def cells(self) -> tuple[str, ...]:
        return (
            *(self.what, self.ours, self.peer, self.theirs, self.ratio),
            *(self.goal, self.met, self.memory, self.limit),
        )


@dataclass(slots=True)
class Table:
    """Lines in the order they were measured, by part."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """One more, kept at once: a run that is stopped loses nothing that it measured."""
        self.lines.append(line)
        shown = [line.what, line.ours, line.peer, line.theirs, f"ratio {line.ratio}" if line.ratio else ""]
        shown += [line.goal, f"met: {line.met}" if line.met else "", line.memory, line.limit]
        sys.stdout.write("\n" + " | ".join(text for text in shown if text) + "\n")
        sys.stdout.flush()
        self.save()

    def markdown(self) -> str:
        """One table a part."""
        found = []
        for part in dict.fromkeys(line.part for line in self.lines):
            rows = [COLUMNS, ("---",) * len(COLUMNS)]
            rows += [line.cells() for line in self.lines if line.part == part]
            found += [f"### {part}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]
        return "\n".join(found)

    def save(self, path: Path = RESULTS) -> None:
        """Keep the lines of this run; parts that it did not measure stay as they were."""
        parts = {line.part for line in self.lines}
        former = [line for line in (load(path).lines if path.exists() else []) if line.part not in parts]
        kept = {"machine": machine(), "lines": [dataclasses.asdict(line) for line in [*former, *self.lines]]}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=False))


def load(path: Path = RESULTS) -> Table:
    """The table that a run left."""
    return Table([Line(**line) for line in json.loads(path.read_text())["lines"]])


def machine() -> str:
    """Where and when: figures of other machines do not compare."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.machine()
    day = datetime.now(UTC).date().isoformat()
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {processor}, {platform.system()}, {python}, {day}"


def write(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Put the newest results between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    said = json.loads(results.read_text())["machine"]
    page.write_text(
        f"{before}{BEGIN}\n\nMeasured on {said}.\n\n{load(results).markdown()}\n{END}{after}",
        encoding="utf-8",
    )


if __name__ == "__main__":
    write()
