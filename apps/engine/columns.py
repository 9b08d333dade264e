"""Typed columns: what the checks see of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from apps.engine.errors import BadInput

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

MISSING = "(missing)"
Kind = Literal["number", "category", "boolean", "time"]


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of categories: `levels[codes[i]]` is row i's level.

    Levels are sorted text and all occur; ``"(missing)"`` stands last where values are missing.
    The coding of the source (integers, strings, booleans, dictionaries) leaves no trace here.
    """

    codes: npt.NDArray[np.int32]
    levels: tuple[str, ...]

    @classmethod
    def of(cls, values: Sequence[object]) -> Coded:
        """Code a sequence of any scalars; None, NaN and "" are missing.

        Examples
        --------
        >>> Coded.of([2, "a", None, 2.0]).levels
        ('2', 'a', '(missing)')
        """
        texts = [level_text(v) for v in values]
        present = sorted(set(texts) - {MISSING})
        levels = tuple(present) + ((MISSING,) if MISSING in texts else ())
        index = {level: i for i, level in enumerate(levels)}
        return cls(np.array([index[t] for t in texts], dtype=np.int32), levels)

    def __len__(self) -> int:
        return len(self.codes)


def level_text(value: object) -> str:
    """The one text of a level, whatever its type: 1, 1.0 and "1" are the same level."""
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


class Column(Protocol):
    """One column of a data set, read when asked."""

    @property
    def name(self) -> str:
        """The column's name."""
        ...

    @property
    def kind(self) -> Kind:
        """What its values are."""
        ...

    def numbers(self) -> FloatArray:
        """Float64 values, NaN where missing; BadInput names the first value that is no number."""
        ...

    def coded(self) -> Coded:
        """The column as categories."""
        ...

    def missing(self) -> BoolArray:
        """True where the value is missing."""
        ...


@dataclass(frozen=True, slots=True)
class ArrayColumn:
    """A column held in memory: an array of numbers, or `Coded` categories."""

    name: str
    values: FloatArray | Coded

    @property
    def kind(self) -> Kind:
        """``"category"`` for coded values, else ``"number"``."""
        return "category" if isinstance(self.values, Coded) else "number"

    def numbers(self) -> FloatArray:
        """The numbers; categories are refused by name."""
        if isinstance(self.values, Coded):
            raise BadInput(f'Column "{self.name}" holds categories where numbers were expected.')
        return self.values

    def coded(self) -> Coded:
        """The values as categories."""
        return self.values if isinstance(self.values, Coded) else Coded.of(self.values.tolist())

    def missing(self) -> BoolArray:
        """True where a number is NaN or the level is ``"(missing)"``."""
        if isinstance(self.values, Coded):
            return np.array([lv == MISSING for lv in self.values.levels])[self.values.codes]
        return np.isnan(self.values)


class Columns(Mapping[str, Column]):
    """Columns by name, each loaded once when first asked for."""

    def __init__(self, names: Sequence[str], load: Callable[[str], Column], rows: int) -> None:
        self._names = tuple(names)
        self._known = frozenset(self._names)
        self._load = load
        self._held: dict[str, Column] = {}
        self.rows = rows

    @classmethod
    def of(cls, **columns: Sequence[object] | FloatArray) -> Columns:
        """Columns from plain sequences: numbers where all are numbers, else categories."""
        made = {name: _column(name, values) for name, values in columns.items()}
        rows = len(next(iter(columns.values()))) if columns else 0
        return cls(tuple(made), made.__getitem__, rows)

    def __getitem__(self, name: str) -> Column:
        if name not in self._known:
            raise KeyError(name)
        if name not in self._held:
            self._held[name] = self._load(name)
        return self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def only(self, names: Sequence[str]) -> Columns:
        """The same columns, these names only and in this order."""
        return Columns(names, self.__getitem__, self.rows)


def _column(name: str, values: Sequence[object] | FloatArray) -> ArrayColumn:
    numeric = all(
        v is None or (isinstance(v, (int, float, np.number)) and not isinstance(v, bool)) for v in values
    )
    if not numeric:
        return ArrayColumn(name, Coded.of(list(values)))
    return ArrayColumn(name, np.array([np.nan if v is None else v for v in values], dtype=np.float64))
