"""What the row shows of a run's measuring, gate by gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apps.engine.policy import Gate

Show = Callable[[int, list[dict[str, Any]]], None]


class Tally:
    """Turns the child's words “n of m, now this gate” into the progress of every gate, with seconds."""

    def __init__(self, gates: Sequence[Gate], show: Show) -> None:
        self._rows = self.rows(gates)
        self._show, self._since = show, time.monotonic()

    def __call__(self, step: Mapping[str, Any]) -> None:
        now = time.monotonic()
        done, current = int(step["done"]), step.get("gate")
        for row in self._rows:
            if row["state"] == "measuring":
                row |= {"state": "measured", "seconds": round(now - self._since, 3)}
            if row["gate"] == current:
                row["state"] = "measuring"
        self._since = now
        self._show(done, self._rows)

    @staticmethod
    def rows(gates: Sequence[Gate]) -> list[dict[str, Any]]:
        """Every gate as it stands before anything is measured, with the policies that ask for it."""
        return [
            {"gate": g.id, "check": g.check, "policies": list(g.policies), "state": "waiting"} for g in gates
        ]
