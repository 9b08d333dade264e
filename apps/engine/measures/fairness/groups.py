"""Groups of people: attributes and intersections, floors, references.

Every fairness check starts here. Rows become one small table of counts a group; everything after that
works on the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from apps.engine.columns import BoolArray, Coded, Columns, IntArray
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.measures.fairness.cells import count_joint
from apps.engine.numeric import Ints

JOIN = " × "
Attributes = Sequence[str | Sequence[str]]
MOST_CELLS = 1 << 22


class Divided(Protocol):
    """Anything that is divided into named groups by one attribute or intersection."""

    @property
    def attribute(self) -> str:
        """The name, or the names joined."""
        ...

    @property
    def levels(self) -> tuple[str, ...]:
        """The groups, all of which occur."""
        ...


@dataclass(frozen=True, slots=True)
class Floors:
    """Which groups are too small to be compared: fewer rows than `size`, or a smaller share of all."""

    size: int = 30
    share: float = 0.0

    def keeps(self, n: int, total: int) -> bool:
        """Whether a group of n among total rows is compared."""
        return n >= max(1, self.size) and n >= self.share * total


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows divided by one attribute or intersection.

    Parameters
    ----------
    attribute : str
        The name, or the names joined.
    codes : int array (n,)
        The group of each row.
    levels : tuple of str
        The groups, all of which occur.
    """

    attribute: str
    codes: npt.NDArray[np.integer]
    levels: tuple[str, ...]

    def counts(self, *flags: BoolArray, count: IntArray | None = None) -> Ints:
        """Rows by group and flags, shape (groups, 2, …, 2): one pass over the rows.

        Examples
        --------
        >>> part = partition(Coded.of(["a", "b", "a"]), "g")
        >>> part.counts(np.array([True, True, False])).tolist()
        [[1, 1], [0, 1]]
        """
        return count_joint([self.codes], [len(self.levels)], flags, count)


def partition(coded: Coded, name: str) -> Partition:
    """One attribute as a partition."""
    return Partition(name, coded.codes, coded.levels)


def partitions(protected: Columns | None, attributes: Attributes | None) -> list[Partition]:
    """A partition for each attribute or intersection asked for; by default each protected attribute.

    Raises
    ------
    BadInput
        An attribute that the data lack.
    Unmeasurable
        Insufficient: no attribute, or no rows.

    Examples
    --------
    >>> both = Columns.of(sex=["F", "M"], race=["a", None])
    >>> [p.levels for p in partitions(both, ["sex", ["sex", "race"]])]
    [('F', 'M'), ('F × a', 'M × (missing)')]
    """
    held, asked = asked_for(protected, attributes)
    return [_of(held, names) for names in asked]


def asked_for(protected: Columns | None, attributes: Attributes | None) -> tuple[Columns, list[list[str]]]:
    """The columns, and which of them make each attribute or intersection; refuses as `partitions` does."""
    if protected is None or not len(protected):
        raise Unmeasurable(
            "The data name no protected attribute, so there are no groups.", status="insufficient"
        )
    asked = list(attributes) if attributes else list(protected)
    for name in _names(asked):
        if name not in protected:
            raise BadInput(f'There is no protected attribute "{name}"; there is {", ".join(protected)}.')
    if not protected.rows:
        raise Unmeasurable("There are no rows.", status="insufficient")
    return protected, [[a] if isinstance(a, str) else list(dict.fromkeys(a)) for a in asked]


def _names(asked: Iterable[str | Sequence[str]]) -> list[str]:
    return [name for a in asked for name in ([a] if isinstance(a, str) else a)]


def _of(protected: Columns, names: list[str]) -> Partition:
    joined = partition(protected[names[0]].coded(), names[0])
    for name in names[1:]:
        joined = _cross(joined, partition(protected[name].coded(), name))
    return joined


def _cross(first: Partition, second: Partition) -> Partition:
    code = first.codes.astype(np.intp) * len(second.levels) + second.codes
    present, renumbered = _present(code, len(first.levels) * len(second.levels))
    levels = tuple(
        f"{first.levels[k // len(second.levels)]}{JOIN}{second.levels[k % len(second.levels)]}"
        for k in present.tolist()
    )
    return Partition(f"{first.attribute}{JOIN}{second.attribute}", renumbered, levels)


def _present(code: npt.NDArray[np.intp], cells: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The codes that occur, ascending, and each row's place among them."""
    if cells > max(MOST_CELLS, len(code)):
        found, places = np.unique(code, return_inverse=True)
        return found, places.astype(np.intp)
    present = np.flatnonzero(np.bincount(code, minlength=cells))
    renumbered = np.zeros(cells, dtype=np.intp)
    renumbered[present] = np.arange(len(present))
    return present, renumbered[code]


def crossed_levels(levels: Sequence[Sequence[str]], places: Sequence[int]) -> tuple[str, ...]:
    """The names of cells of a product of attributes, by place in it.

    Examples
    --------
    >>> crossed_levels([("F", "M"), ("a", "b")], [1, 2])
    ('F × b', 'M × a')
    """
    if len(levels) == 1:
        return tuple(levels[0][k] for k in places)
    shape = tuple(len(one) for one in levels)
    spots = np.unravel_index(np.asarray(places, dtype=np.intp), shape)
    named = [[one[k] for k in spot.tolist()] for one, spot in zip(levels, spots, strict=True)]
    return tuple(JOIN.join(parts) for parts in zip(*named, strict=True))


def eligible(sizes: Sequence[int], floors: Floors) -> list[int]:
    """The groups that are compared, by number."""
    least = max(1, floors.size, floors.share * sum(sizes))
    return [k for k, n in enumerate(sizes) if n >= least]


def require_two(part: Divided, sizes: Sequence[int], kept: Sequence[int], floors: Floors) -> None:
    """Refuse a comparison with fewer than two groups, naming those that are too small."""
    if len(kept) >= 2:
        return
    if len(part.levels) < 2:
        raise Unmeasurable(
            f"{part.attribute} has one group only ({part.levels[0]}, {int(sizes[0]):,} rows): nothing to "
            f"compare.",
            status="insufficient",
        )
    shown = ", ".join(_small(part, sizes, kept))
    raise Unmeasurable(
        f"{part.attribute} has fewer than two groups of at least {wanted(floors)}; too small: {shown}.",
        status="insufficient",
    )


def wanted(floors: Floors) -> str:
    """The floors in words.

    Examples
    --------
    >>> wanted(Floors(30, 0.02))
    '30 rows and 2% of all rows'
    """
    share = f" and {100 * floors.share:.4g}% of all rows" if floors.share else ""
    return f"{floors.size:,} rows{share}"


def reference_of(
    part: Divided, sizes: Sequence[int], kept: Sequence[int], reference: str, best: Callable[[int], object]
) -> int | None:
    """The number of the reference group; None for ``"overall"``.

    Parameters
    ----------
    reference : str
        ``highest`` (by `best`, the first on ties), ``largest``, ``overall`` or a group's name.
    best : callable
        The figure of a group that ``highest`` maximises.

    Raises
    ------
    Unmeasurable
        Insufficient: the group named does not occur or is under a floor.
    """
    if reference == "overall":
        return None
    if reference == "highest":
        return max(kept, key=lambda k: (best(k), -k))
    if reference == "largest":
        return max(kept, key=lambda k: (int(sizes[k]), -k))
    if reference not in part.levels:
        raise Unmeasurable(
            f'The reference group "{reference}" does not occur in {part.attribute}; '
            f"there is {', '.join(part.levels)}.",
            status="insufficient",
        )
    found = part.levels.index(reference)
    if found not in kept:
        raise Unmeasurable(
            f"The reference group {reference} of {part.attribute} has {int(sizes[found]):,} rows, too few.",
            status="insufficient",
        )
    return found


def excluded_note(part: Divided, sizes: Sequence[int], kept: Sequence[int], floors: Floors) -> list[str]:
    """A sentence on the groups left out of the comparison, if any."""
    small = _small(part, sizes, kept)
    if not small:
        return []
    shown = ", ".join(small)
    return [f"{part.attribute}: not compared, under {wanted(floors)}: {shown}."]


def _small(part: Divided, sizes: Sequence[int], kept: Sequence[int]) -> list[str]:
    """The groups that are not compared with their rows, the first twenty by name and the rest by number."""
    held = set(kept)
    small = [k for k in range(len(sizes)) if k not in held]
    named = [f"{part.levels[k]} ({int(sizes[k]):,})" for k in small[:20]]
    return named if len(small) <= 20 else [*named[:-1], f"{named[-1]} and {len(small) - 20:,} more"]
