"""The plain sentence beside each gate, as a risk officer would write it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from string import Formatter
from typing import Any

from apps.engine.catalogue import all_checks
from apps.engine.policy.model import Exact, Gate
from apps.engine.policy.numbers import shown, written

_MAPPINGS = (dict, Mapping)  # the first is asked fast


def measured(gate: Gate, measurement: Mapping[str, Any], value: Exact, *, warned: bool = False) -> str:
    """What was measured and what is needed.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from apps.engine.policy.model import Bound
    >>> gate = Gate(id="g", title="The AUC", check="x", arguments={}, bound=Bound(min=Decimal("0.70")))
    >>> measured(gate, {"interval": [0.68, 0.72]}, Decimal("0.7"))
    'The AUC is 0.70 (0.68 to 0.72); at least 0.70 is needed.'
    """
    said = f"{_said(gate, measurement, value)}; {gate.needed[warned]}."
    return said if measurement.get("provenance") == "governed" else said + _origin(measurement)


def _origin(measurement: Mapping[str, Any]) -> str:
    if "provenance" not in measurement:
        return ""
    if measurement["provenance"] == "asked":
        return " Its scores were asked of a service."
    return " The number was supplied, not measured here."


def not_ours(measurement: Mapping[str, Any]) -> str:
    """Why a number of this provenance is not enough for a mandatory gate."""
    if measurement.get("provenance") == "asked":
        return "A mandatory gate needs a model whose bytes are known, unless it says accept: asked."
    return "A mandatory gate needs a number measured by the service."


def _said(gate: Gate, measurement: Mapping[str, Any], value: Exact) -> str:
    number, interval = shown(value, gate.bound), _interval(gate, measurement.get("interval"))
    compared = extreme(measurement)
    said, together = "", number
    try:
        parts, has_interval, after = _parts(gate.check, "reference" in compared)
        if interval and not has_interval:
            together = f"{number} ({interval})"
        for text, name in parts:
            if name == "value":
                said += text + together
            elif name == "title":
                said += text + gate.title
            else:
                said += text + (compared.get(name) or _word(name, interval, measurement))
    except (KeyError, IndexError, ValueError, AttributeError):
        return f"{gate.title} is {together}"
    return (said + after).strip().removesuffix(".")


def _word(name: str, interval: str, measurement: Mapping[str, Any]) -> str:
    if name == "interval":
        return interval or "no interval"
    return f"{measurement.get('n') or 0:,}" if name == "n" else _parameter(name, measurement)


@lru_cache(maxsize=1024)
def _parts(check_id: str, against: bool) -> tuple[tuple[tuple[str, str], ...], bool, str]:
    """A check's sentence as pairs of text and the word after it, whether it has the interval, and its end."""
    found, after = [], ""
    for text, name, form, turned in Formatter().parse(_template(check_id, against)):
        if form or turned or not (name is None or name.isidentifier()):
            raise ValueError(f"a sentence holds plain words, not {name!r}")
        if name is None:
            after = text
        else:
            found.append((text, name))
    return tuple(found), any(name == "interval" for _, name in found), after


def _parameter(name: str, measurement: Mapping[str, Any]) -> str:
    """A word that stands among the parameters of the measurement."""
    held = measurement.get("parameters")
    value = held.get(name) if isinstance(held, _MAPPINGS) else None
    if not isinstance(value, (str, int, float)):
        raise KeyError(name)
    return format(value)


def _template(check_id: str, against: bool) -> str:
    check = all_checks().get(check_id)
    plain = check.sentence if check else "{title} is {value}."
    if not against or "{group}" in plain:
        return plain
    return _COMPARED.get(check_id, plain.strip().removesuffix(".") + ", of {group} against {reference}")


_COMPARED = {
    "fairness.selection_rate_ratio": "The selection rate of {group} is {value} of that of {reference}",
    "fairness.selection_rate_difference": (
        "The selection rate of {group} differs by {value} from that of {reference}"
    ),
    "fairness.equal_opportunity_difference": (
        "Among the deserving, the selection rate of {group} differs by {value} from that of {reference}"
    ),
}


def _interval(gate: Gate, interval: Any) -> str:
    if not isinstance(interval, (list, tuple)) or len(interval) != 2:
        return ""
    low, high = interval
    bound = gate.bound if gate.basis == "interval" else None
    if not (type(low) is float and isfinite(low) and type(high) is float and isfinite(high)):
        low, high = written(low), written(high)
        if low is None or high is None:
            ends = ["?" if end is None else shown(end, bound) for end in (low, high)]
            return "" if low is high else f"{ends[0]} to {ends[1]}"
    return f"{shown(low, bound)} to {shown(high, bound)}"


def extreme(measurement: Mapping[str, Any]) -> dict[str, str]:
    """The group that the number speaks of and the one it is compared with, where the measurement says so.

    Examples
    --------
    >>> found = {"worst": {"attribute": "race", "group": "B"}, "reference_groups": {"race": "A"}}
    >>> extreme({"parameters": found})
    {'group': 'race = B', 'reference': 'race = A'}
    """
    found = measurement.get("parameters")
    if not isinstance(found, _MAPPINGS) or "worst" not in found:
        return {}
    worst, references = found["worst"], found.get("reference_groups")
    if not isinstance(worst, _MAPPINGS) or not isinstance(references, _MAPPINGS):
        return {}
    attribute = worst.get("attribute")
    words = {"group": f"{attribute} = {worst.get('group')}"}
    if attribute in references:
        words["reference"] = f"{attribute} = {references[attribute]}"
    return words


def unmeasured(gate: Gate, measurement: Mapping[str, Any]) -> str:
    """Why there is no number."""
    notes = [str(note) for note in measurement.get("notes") or ()]
    reason = notes[0] if notes else f"the measurement is {measurement.get('status') or 'without a status'}"
    end = "" if "\n" in reason else "."  # an example to copy ends as it must be written
    return f"{gate.title}: nothing can be decided. {reason[:1].upper()}{reason[1:].rstrip('.')}{end}"


def missing(gate: Gate, reason: str) -> str:
    """Why a result does not count, or that there is none."""
    return f"{gate.title}: {reason}."
