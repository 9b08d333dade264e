"""Which data of a run are summed up in partitions, by many workers at once, and which parts go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.engine import table_limits
from apps.engine.catalogue import find
from apps.engine.policy import Gate
from apps.inventory.layout import parts_of
from apps.inventory.models import Blob, ModelVersion

# A run that waits for its partitions, or for a person, may begin then: never, until somebody says so.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
MOST = 64
_REFERENCE = "reference_"


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker takes at a time: some parts of a data set, by name and digest."""

    dataset: str
    number: int
    parts: Mapping[str, str]


def shares_of(version: ModelVersion, gates: Iterable[Gate]) -> list[Share]:
    """The shares of every data set in several parts that is too large to hold and that a gate sums up."""
    if version.artifact_format == "endpoint":
        return []  # one worker asks the service, and writes down what it answers
    wanted = {name for gate in gates for name in _summed(gate)}
    rows = dict(version.datasets.values_list("name", "rows"))
    found: list[Share] = []
    for name, parts in sorted(parts_of(version).items()):
        if name in wanted and len(parts) > 1 and table_limits.large(rows[name], 1):
            found += [Share(name, number, some) for number, some in enumerate(_shared_out(parts))]
    return found


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
