"""Charges of other people's bills, whatever their form: what is kept of each, what it is known by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from apps.costs.states import Source
from apps.engine.canonical import canonical, digest

LARGEST = 64 * 1024 * 1024
MOST_ROWS = 200_000
KEPT = Decimal("0.0000000001")
_MOST = Decimal(10) ** 13
_SHOWN = 60


class RowRefused(ValueError):
    """A row that cannot be taken; the sentence names the column, the value and what was expected."""


class BillRefused(ValueError):
    """A file that is no bill of the kind it was said to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One charge as the bill has it; `number` is its row, from 1, without the head."""

    number: int
    source: Source
    tag: str
    provider: str
    service: str
    category: str
    description: str
    resource: str
    period_start: datetime
    period_end: datetime
    billed: Decimal
    amount: Decimal
    currency: str
    # Whatever else tells this charge from others: accounts, prices, the class of the charge.
    apart: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """The digest of what the charge is known by, whatever it costs."""
        named = (self.tag, self.provider, self.service, self.category, self.description, self.resource)
        period = (self.period_start.isoformat(), self.period_end.isoformat())
        return _digest(str(self.source), *named, *period, self.currency, *self.apart)

    @property
    def digest(self) -> str:
        """The digest of all of it."""
        return _digest(self.identity, f"{self.billed:f}", f"{self.amount:f}")


def _digest(*parts: str) -> str:
    return digest(canonical(list(parts)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken, and why."""

    number: int
    why: str


Read = Charge | Refusal


def keyed(charges: Iterable[Charge]) -> Iterator[tuple[str, Charge]]:
    """Each charge with its key. Charges that nothing tells apart are numbered, by what they cost.

    So the order of a file's rows changes nothing.
    """
    groups = defaultdict[str, list[Charge]](list)
    for charge in charges:
        groups[charge.identity].append(charge)
    for identity, same in groups.items():
        for place, charge in enumerate(sorted(same, key=lambda c: (c.digest, c.number))):
            yield _digest(identity, str(place)), charge


def decimal(text: object, column: str) -> Decimal:
    """A finite amount, also below zero; kept to ten decimals."""
    try:
        found = Decimal(str(text).strip()[:64])
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or abs(found) >= _MOST:
        raise RowRefused(f"{column} is {shown(text)}; a decimal number was expected.")
    return found.quantize(KEPT, rounding=ROUND_HALF_EVEN)


def moment(text: object, column: str) -> datetime:
    """A time with zone, in UTC."""
    if isinstance(text, datetime):
        found = text
    else:
        try:
            found = datetime.fromisoformat(str(text).strip()[:40])
        except ValueError:
            raise RowRefused(
                f"{column} is {shown(text)}; a time such as 2026-11-01T00:00:00Z was expected."
            ) from None
    if found.tzinfo is None:
        raise RowRefused(f"{column} is {shown(text)}; the time needs a zone, such as Z.")
    return found.astimezone(UTC)


def currency_code(text: str, column: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha() or not text.isupper():
        raise RowRefused(f"{column} is {shown(text)}; a currency of three capitals such as EUR was expected.")
    return text


def plain(text: object, column: str, longest: int) -> str:
    """Text that fits its column and holds no control character."""
    found = str("" if text is None else text).strip()
    if len(found) > longest:
        raise RowRefused(f"{column} has {len(found):,} characters; {longest} are kept.")
    if any(ord(c) < 32 or 0xD800 <= ord(c) <= 0xDFFF for c in found):
        raise RowRefused(f"{column} is {shown(text)}; it holds a control character.")
    return found


def shown(value: object) -> str:
    """A value as a sentence quotes it: short, on one line."""
    return ascii(value if isinstance(value, (int, Decimal)) else str(value)[:_SHOWN])


def tally(results: Iterable[str]) -> dict[str, int]:
    """How many rows came to which result."""
    found = Counter(results)
    return {name: found.get(name, 0) for name in ("new", "changed", "unchanged", "unknown", "refused")}
