"""A line of the table from runs of ours and of a peer, judged by its goal."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.measuring import Found, duration, times
from tests.bench.table import Line, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a line must reach: the peer's time over ours, our seconds, our MiB, our share of the limit."""

    ratio: float | None = None
    seconds: float | None = None
    memory: float | None = None
    share: float | None = None

    def text(self) -> str:
        """The goal in signs.

        >>> Goal(ratio=5000, share=0.09).text()
        '≥ 5,000×, ≥ 9 % of the limit'
        """
        parts = [
            self.ratio and f"≥ {self.ratio:,.10g}×",
            self.seconds and f"≤ {duration(self.seconds)}",
            self.memory and f"≤ {self.memory:.0f} MiB",
            self.share and f"≥ {self.share:.0%} of the limit".replace("%", " %"),
        ]
        return ", ".join(part for part in parts if part)

    def met(self, *, ratio: float | None, seconds: float, memory: float, share: float | None) -> str:
        """Yes, or no with what is missed; empty without a goal.

        >>> Goal(ratio=10, seconds=1.0).met(ratio=12, seconds=2.0, memory=0, share=None)
        'no: time'
        """
        judged = {
            "ratio": None if self.ratio is None else (ratio is not None and ratio >= self.ratio),
            "time": None if self.seconds is None else seconds <= self.seconds,
            "memory": None if self.memory is None else memory <= self.memory,
            "limit": None if self.share is None else (share is not None and share >= self.share),
        }
        missed = [name for name, reached in judged.items() if reached is False]
        if all(reached is None for reached in judged.values()):
            return ""
        return f"no: {', '.join(missed)}" if missed else "yes"


NONE = Goal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison: seconds for `items` rows, and what to say beside them."""

    seconds: float
    items: float = 1.0
    memory: float = 0.0
    note: str = ""

    @property
    def each(self) -> float:
        return self.seconds / self.items

    def text(self, rates: bool) -> str:
        rate = f" ({self.items / self.seconds:,.0f} rows/s)" if rates else ""
        return duration(self.seconds) + rate + (f"; {self.note}" if self.note else "")


def side(found: Found, name: str, *, key: str = "seconds", note: str = "") -> Side:
    """A side from runs; a job that says `rows` is compared by rows a second."""
    items = float(found[name][0].said.get("rows", 1.0))
    return Side(seconds=found.seconds(name, key), items=items, memory=found.peak(name), note=note)


def compare(
    table: Table,
    *,
    part: str,
    what: str,
    ours: Side,
    theirs: Side | None,
    peer: str,
    goal: Goal = NONE,
    share: float | None = None,
    limit: str = "",
) -> float | None:
    """Add a line and give the ratio: the peer's time over ours, per row where rows are told."""
    ratio = None if theirs is None else theirs.each / ours.each
    rates = ours.items > 1
    memory = [s for s in (ours, theirs) if s is not None and s.memory]
    table.add(
        Line(
            part=part,
            what=what,
            ours=ours.text(rates),
            peer=peer,
            theirs="" if theirs is None else theirs.text(rates),
            ratio="" if ratio is None else times(ratio),
            goal=goal.text(),
            met=goal.met(ratio=ratio, seconds=ours.seconds, memory=ours.memory, share=share),
            memory=" and ".join(f"{s.memory:.0f}" for s in memory) + (" MiB" if memory else ""),
            limit="" if share is None else f"{share:.0%} of {limit}".replace("%", " %"),
        )
    )
    return ratio


def versus(
    table: Table,
    found: Found,
    *,
    part: str,
    what: str,
    peer: str,
    goal: Goal = NONE,
    ours: str = "ours",
    note: str = "",
    share: float | None = None,
    limit: str = "",
) -> float | None:
    """Compare two ways of `found`; a peer without runs is a line that says why."""
    mine = side(found, ours)
    if not found[peer]:
        return compare(
            table,
            part=part,
            what=what,
            ours=mine,
            theirs=None,
            peer=f"{peer}: {found.problems[peer]}",
            goal=goal,
            share=share,
            limit=limit,
        )
    return compare(
        table,
        part=part,
        what=what,
        ours=mine,
        theirs=side(found, peer, note=note),
        peer=found[peer][0].said["peer"],
        goal=goal,
        share=share,
        limit=limit,
    )
