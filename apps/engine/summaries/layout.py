"""Which columns of a data set the checks rest on: what a summary keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.engine.arguments import attribute_names
from apps.engine.catalogue import find
from apps.engine.catalogue.spec import Check
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput
from apps.engine.summaries.codec import NUMBERS

AT_LEAST = "\0at least"
REFERENCE = "reference_"
JOINT = frozenset({"data.duplicates", "data.train_test_overlap"})
_BY_ARGUMENT = frozenset({"generative.pass_rate", "performance.override_rate"})
_ROWWISE = frozenset({"score", "label", "target", "predicted", "selected", "deserving", "roles", "period"})
_TABLES = frozenset({"features", "columns"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns read as categories, in order, and the numbers; `AT_LEAST`: the score against its bound.

    Parameters
    ----------
    alone : str, optional
        The one column that is looked at by itself.
    """

    keys: tuple[str, ...]
    numbers: tuple[str, ...]
    alone: str | None = None


def counted(check: Check) -> bool:
    """Whether the check can be measured from different rows and their counts."""
    return "count" in needed(check.needs)


def columnwise(check: Check) -> bool:
    """Whether it looks at each column by itself."""
    names = needed(check.needs)
    return bool(names & _TABLES) and not names & _ROWWISE and check.id not in JOINT | _BY_ARGUMENT


def columns_of(data: DataSet, check: Check, *, of: str = "") -> list[str]:
    """The columns that a check which looks at each by itself may look at."""
    needs = needed(check.needs, of=of)
    names = {*data.columns} if "columns" in needs else {*data.features}
    return [name for name in data.columns if name in names]


def needed(needs: Iterable[str], *, of: str = "") -> set[str]:
    """The names in `needs`, for the reference (``of="reference_"``) without their first word.

    Examples
    --------
    >>> sorted(needed(("score", "reference_score?", "weight?"), of="reference_"))
    ['score']
    """
    bare = {need.removesuffix("?") for need in needs}
    if of:
        return {name.removeprefix(of) for name in bare if name.startswith(of)}
    return {name for name in bare if not name.startswith(REFERENCE)}


def layout_of(data: DataSet, check: Check, arguments: Mapping[str, Any], *, of: str = "") -> Layout:
    """What a check needs of a data set.

    Parameters
    ----------
    arguments : mapping
        Resolved.
    of : str
        ``"reference_"`` where the data set is the one compared with.
    """
    needs = needed(check.needs, of=of)
    if "roles" in needs:
        needs |= _measured(arguments) | {"period"}
    keys = {name for need in needs for name in _columns(data, need)}
    if "protected" in needs:
        keys |= set(attribute_names(arguments.get("attributes")) or data.spec.protected)
    if "columns" in needs or "roles" in needs:
        keys |= set(_texts(arguments))
    if check.id in JOINT:
        keys |= set(arguments.get("key") or (data.features if "features" in needs else data.columns))
    numbers = {name for need in needs for name in _numbers(data, need)}
    known = {name for name in keys if name == AT_LEAST or name in data.columns}
    return Layout(tuple(sorted(known)), tuple(name for name in NUMBERS if name in numbers))


def _measured(arguments: Mapping[str, Any]) -> set[str]:
    """What the check needs that another check's argument names."""
    try:
        return needed(find(str(arguments.get("check"))).needs)
    except BadInput:
        return set()


def _texts(value: Any) -> list[str]:
    """Every text in an argument: any of them may name a column."""
    if isinstance(value, str):
        return [value]
    inner: Sequence[Any] = ()
    if isinstance(value, Mapping):
        inner = (*value, *value.values())
    elif isinstance(value, (list, tuple)):
        inner = value
    return [text for item in inner for text in _texts(item)]


def _columns(data: DataSet, need: str) -> list[str]:
    """The columns whose values decide a role."""
    spec = data.spec
    label = [spec.label] if spec.label else []
    if need in ("label", "deserving") or (need == "target" and spec.positive is not None):
        return label
    if need == "period":
        return [spec.period] if spec.period else []
    if need not in ("predicted", "selected") or spec.decision is None:
        return []
    if spec.decision.threshold is not None:
        return [*([AT_LEAST] if _numbers(data, "score") else []), *(label if need == "selected" else [])]
    same = spec.decision.positive if need == "predicted" else spec.decision.favourable
    return [str(spec.decision.column), *([] if same is not None else label)]


def _numbers(data: DataSet, need: str) -> list[str]:
    """The numbers that decide a role, by the names that a summary has for them."""
    spec = data.spec
    named = spec.score is not None and spec.score in data.columns
    if need == "score":
        return ["score"] if data.has_model or named else []
    if need == "score_column":
        return [("score_column" if data.has_model else "score")] if named else []
    if need == "weight":
        return ["weight"] if spec.weight in data.columns else []
    return ["target"] if need == "target" and spec.positive is None and spec.label in data.columns else []
