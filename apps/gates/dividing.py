"""Which data of a run are summed up in partitions, by many workers at once, and which parts go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings

from apps.audit.errors import Refused
from apps.engine import slices, table_limits
from apps.engine.catalogue import find
from apps.engine.policy import Gate
from apps.inventory.layout import file_name, parts_of
from apps.inventory.models import Blob, DataSet, ModelVersion
from apps.inventory.store import the_store

# A run that waits for its partitions, or for a person, may begin then: never, until somebody says so.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
MOST = 64
# Whoever takes a slice of a file reads the whole of it once more, to know it: few slices, of many rows.
SLICE_ROWS, MOST_SLICES = 1 << 22, 16
_PARQUET = b"PAR1"
_REFERENCE = "reference_"


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker takes at a time: some parts of a data set, or a slice of it, by name and digest."""

    dataset: str
    number: int
    parts: Mapping[str, str]


def shares_of(version: ModelVersion, gates: Iterable[Gate]) -> list[Share]:
    """The shares of every data set that is too large to hold and that a gate sums up."""
    if version.artifact_format == "endpoint":
        return []  # one worker asks the service, and writes down what it answers
    wanted = {name for gate in gates for name in _summed(gate)}
    parts, found = parts_of(version), list[Share]()
    for data in version.datasets.filter(name__in=wanted).order_by("name"):
        if data.rows > min(settings.RUN_SHARE_ROWS, table_limits.HELD_ROWS):
            shares = _sliced(data) if data.name not in parts else _shared_out(parts[data.name])
            found += [Share(data.name, number, some) for number, some in enumerate(shares)]
    return found


def _sliced(data: DataSet) -> list[dict[str, str]]:
    """A Parquet file in slices of about the same rows; none where it is another file, or not to be had."""
    of = min(MOST_SLICES, -(-data.rows // SLICE_ROWS))
    try:
        if of < 2 or the_store().begins(data.blob_id, len(_PARQUET)) != _PARQUET:
            return []
    except (Refused, OSError):
        return []  # the run itself says so, if it still is so then
    return [{name: data.digest} for name in slices.names(file_name(data.declared, data.name), of)]


def _summed(gate: Gate) -> Iterator[str]:
    """The data sets that a gate's check can measure from different rows and how often each occurs."""
    needs = [need.removesuffix("?") for need in find(gate.check).needs]
    if "count" in needs:
        yield gate.dataset
        if any(need.startswith(_REFERENCE) for need in needs):
            yield gate.reference


def _shared_out(parts: Mapping[str, str]) -> list[dict[str, str]]:
    """Parts side by side, in shares of about the same bytes; each alone where there are few."""
    names = sorted(parts)
    if len(names) < 2:
        return []
    if len(names) <= MOST:
        return [{name: parts[name]} for name in names]
    sizes = dict(Blob.objects.filter(pk__in=set(parts.values())).values_list("pk", "size"))
    weights = [max(1, sizes.get(parts[name], 1)) for name in names]
    return [{name: parts[name] for name in some} for some in _runs(names, weights)]


def _runs(names: Sequence[str], weights: Sequence[int]) -> list[list[str]]:
    """The names cut into `MOST` stretches at the most.

    >>> len(_runs([str(i) for i in range(200)], [1] * 200))
    64
    """
    total, before = sum(weights), 0
    found: dict[int, list[str]] = {}
    for name, weight in zip(names, weights, strict=True):
        found.setdefault(min(MOST - 1, before * MOST // total), []).append(name)
        before += weight
    return list(found.values())
