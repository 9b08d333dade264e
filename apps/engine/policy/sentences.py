"""The plain sentence beside each gate, as a risk officer would write it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from apps.engine.catalogue import all_checks
from apps.engine.policy.model import Gate
from apps.engine.policy.numbers import exactly, shown

NEEDED = {True: ", for the whole interval,", False: ""}


def measured(gate: Gate, measurement: Mapping[str, Any], value: Fraction, *, warned: bool = False) -> str:
    """What was measured and what is needed.

    Examples
    --------
    >>> from decimal import Decimal
    >>> from apps.engine.policy.model import Bound
    >>> gate = Gate(id="g", title="The AUC", check="x", arguments={}, bound=Bound(min=Decimal("0.70")))
    >>> measured(gate, {"interval": [0.68, 0.72]}, Fraction("0.7"))
    'The AUC is 0.70 (0.68 to 0.72); at least 0.70 is needed.'
    """
    said = _said(gate, measurement, value)
    words = gate.bound.words()
    whole = " for the whole interval" if gate.basis == "interval" else ""
    needed = "no number is asked for" if words == "any number" else f"{words} is needed{whole}"
    if warned and gate.warn is not None:
        needed += f", and {gate.warn.words()} to pass without a warning"
    return f"{said}; {needed}.{_origin(measurement)}"


def _origin(measurement: Mapping[str, Any]) -> str:
    if measurement.get("provenance") == "governed":
        return ""
    return " The number was supplied, not measured here." if "provenance" in measurement else ""


def _said(gate: Gate, measurement: Mapping[str, Any], value: Fraction) -> str:
    number, interval = shown(value, gate.bound), _interval(gate, measurement.get("interval"))
    check = all_checks().get(gate.check)
    template = check.sentence if check else "{title} is {value}."
    title = check.title if check and "{title}" not in template else gate.title
    together = number if "{interval}" in template or not interval else f"{number} ({interval})"
    words = {**_scalars(measurement), **extreme(measurement), "title": title}
    words |= {"value": together, "interval": interval or "no interval", "n": f"{measurement.get('n') or 0:,}"}
    try:
        text = template.format_map(words)
    except (KeyError, IndexError, ValueError, AttributeError):
        text = f"{gate.title} is {together}."
    return text.strip().removesuffix(".")


def _interval(gate: Gate, interval: Any) -> str:
    if not isinstance(interval, (list, tuple)) or len(interval) != 2:
        return ""
    ends = [exactly(end) for end in interval]
    bound = gate.bound if gate.basis == "interval" else None
    return " to ".join("?" if end is None else shown(end, bound) for end in ends) if any(ends) else ""


def _scalars(measurement: Mapping[str, Any]) -> dict[str, Any]:
    found = measurement.get("parameters")
    parameters = found if isinstance(found, Mapping) else {}
    return {name: value for name, value in parameters.items() if not isinstance(value, (Mapping, list))}


def extreme(measurement: Mapping[str, Any]) -> dict[str, str]:
    """The group that the number speaks of, and its reference, where the measurement has groups."""
    words: dict[str, str] = {}
    groups = [g for g in measurement.get("groups") or () if isinstance(g, Mapping)]
    value = measurement.get("value")
    for group in groups:
        number = group.get("ratio", group.get("value"))
        if (
            group.get("status") == "measured"
            and group.get("attribute")
            and number == value
            and value is not None
        ):
            words["group"] = f"{group['attribute']} = {group['group']}"
            words["attribute"] = str(group["attribute"])
            break
    return words


def unmeasured(gate: Gate, measurement: Mapping[str, Any]) -> str:
    """Why there is no number."""
    notes = [str(note) for note in measurement.get("notes") or ()]
    reason = notes[0] if notes else f"the measurement is {measurement.get('status') or 'without a status'}"
    return f"{gate.title}: nothing can be decided. {reason[:1].upper()}{reason[1:].rstrip('.')}."


def missing(gate: Gate, reason: str) -> str:
    """Why a result does not count, or that there is none."""
    return f"{gate.title}: {reason}."
