"""Each check beside an implementation that shares nothing with it: the pairs of numbers that must agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.engine.errors import Unmeasurable
from apps.engine.inputs import Artifact, Model
from apps.engine.measure import function_of
from apps.engine.values import Measured
from tests.engine.laws.specimens import CHECKS, MODELLED, World, people

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Pair = tuple[float | None, float | None]
Pairs = Iterator[Pair]


@dataclass(frozen=True, eq=False)
class Case:
    """One world to compare in, with its columns as arrays."""

    name: str
    world: World

    @cached_property
    def roles(self) -> dict[str, Any]:
        """What checks are given."""
        return self.world.roles(self.world.table)

    @cached_property
    def before(self) -> dict[str, Any]:
        """The same of the reference data."""
        return self.world.roles(self.world.reference)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.roles[name]

    def texts(self, column: str) -> npt.NDArray[np.str_]:
        """A column's values as text."""
        return np.array([str(v) for v in self.world.table[column]])

    def numbers(self, column: str) -> Floats:
        """A column's values as numbers."""
        return np.array(self.world.table[column], dtype=np.float64)

    def groups(self, column: str = "sex") -> dict[str, Bools]:
        """Who is in each group of an attribute."""
        values = self.texts(column)
        return {str(name): values == name for name in np.unique(values)}

    def matrix(self, *, reference: bool = False) -> Floats:
        """The model's features, row by row."""
        table = self.world.reference if reference else self.world.table
        return np.column_stack([np.array(table[name], dtype=np.float64) for name in MODELLED])

    @cached_property
    def model(self) -> Model:
        """The model as the engine opens it."""
        from apps.engine.artifacts import open_model

        return open_model(Artifact(self.world.model_path, "xgboost", ""), MODELLED)

    @cached_property
    def booster(self) -> Any:
        """The same model as its own library opens it."""
        import xgboost

        return xgboost.Booster({"nthread": 1}, model_file=str(self.world.model_path))

    def output(self, rows: Floats, *, margin: bool = False) -> Floats:
        """Its library's scores of any rows."""
        import xgboost

        data = xgboost.DMatrix(np.ascontiguousarray(rows), feature_names=list(MODELLED), nthread=1)
        return np.asarray(self.booster.predict(data, output_margin=margin), dtype=np.float64)

    def check(self, check_id: str, **more: Any) -> Measured:
        """Our number; `Silent` where there is none."""
        check = CHECKS[check_id]
        given = self.world.inputs(check, **{**{"attributes": None}, **more})
        if "attributes" not in {arg.name for arg in check.args}:
            given.pop("attributes", None)
        elif more.get("attributes") is None:
            given["attributes"] = ["sex"]
        try:
            found = function_of(check)(**given)
        except Unmeasurable as reason:
            raise Silent(str(reason)) from reason
        if found.status != "measured":
            raise Silent(" ".join(found.notes))
        return found


class Silent(Exception):
    """The check has no number in this case, so there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Oracle:
    """An independent implementation of one check."""

    check: str
    by: str
    within: float
    pairs: Callable[[Case], Pairs]
    every: bool = True

    def largest(self, cases: list[Case]) -> tuple[float, int]:
        """The largest difference over cases, relative above 1, and how many numbers were compared."""
        worst, compared = 0.0, 0
        for case in cases if self.every else cases[:1]:
            for ours, theirs in self.found(case):
                worst, compared = max(worst, difference(ours, theirs)), compared + 1
        return worst, compared

    def found(self, case: Case) -> list[Pair]:
        """The pairs of a case, none where the check has no number."""
        try:
            return list(self.pairs(case))
        except Silent:
            return []


def difference(ours: float | None, theirs: float | None) -> float:
    """The distance of two numbers, relative to the larger where that is above 1."""
    if ours is None or theirs is None:
        return 0.0 if ours is theirs else math.inf
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return math.inf
    return abs(ours - theirs) / max(1.0, abs(ours), abs(theirs))


ORACLES: list[Oracle] = []


def oracle(
    *checks: str, by: str, within: float = 1e-12, every: bool = True
) -> Callable[[Callable[[Case], Pairs]], Callable[[Case], Pairs]]:
    """Register an independent implementation of checks; `every` false compares in the first case only."""

    def keep(pairs: Callable[[Case], Pairs]) -> Callable[[Case], Pairs]:
        ORACLES.extend(Oracle(check, by, within, pairs, every) for check in checks)
        return pairs

    return keep


def both(ours: Any, theirs: Any) -> Pairs:
    """Pair two sequences of numbers, place by place."""
    first, second = (np.asarray(v, dtype=np.float64).ravel().tolist() for v in (ours, theirs))
    yield from zip(first, second, strict=True)


def cases(world: World) -> list[Case]:
    """Plain worlds, and some made to break what is written carelessly."""
    plain = [Case(f"random {seed}", world.but(table=people(300, seed, later=True))) for seed in (11, 12)]
    made = {
        "few distinct scores": lambda t: {**t, "score": [round(s, 1) or 0.1 for s in t["score"]]},
        "rare positives": lambda t: {**t, "label": [int(i % 40 == 0) for i in range(len(t["score"]))]},
        "scores apart by one bit": lambda t: {
            **t,
            "score": [0.5 if s < 0.4 else float(np.nextafter(0.5, 1)) if s < 0.6 else s for s in t["score"]],
        },
        "one large group": lambda t: {**t, "sex": ["F" if i % 7 else "M" for i in range(len(t["score"]))]},
        "scores at the ends": lambda t: {
            **t,
            "score": [1e-9 if s < 0.2 else 1 - 1e-9 if s > 0.8 else s for s in t["score"]],
        },
    }
    hard = [
        Case(name, world.but(table=change(people(300, 20 + i, later=True))))
        for i, (name, change) in enumerate(made.items())
    ]
    return plain + hard
