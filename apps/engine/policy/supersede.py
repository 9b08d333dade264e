"""How a policy names another that was superseded: by extending it, by its controls, by its scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.engine.policy.model import Policy

REGIMES = "model.regimes"


def naming(policy: Policy, old: str) -> list[str]:
    """Every way in which a policy names `old`, one sentence each; empty where it does not.

    Examples
    --------
    >>> from apps.engine.policy import Library, read_policy
    >>> entry = Library.shipped().find("us-sr26-2", 1)
    >>> naming(read_policy(entry.data, name=entry.name), "us-sr11-7-legacy")
    []
    """
    return list(dict.fromkeys(_naming(policy, old)))


def _naming(policy: Policy, old: str) -> Iterator[str]:
    for pin in policy.document.get("extends") or ():
        if pin.partition("@")[0] == old:
            yield f"It extends {pin}."
    yield from (f"It serves the control {control}." for control in policy.controls if _of(control, old))
    for word, items in (("gate", policy.gates), ("document", policy.evidence)):
        for item in items:
            for control in item.controls:
                if _of(control, old):
                    yield f"Its {word} {item.id} serves the control {control}."
    applies = policy.applies_to
    if policy.id != old and any(_matches(match, old) for match in (applies.match, applies.unless)):
        yield f"It selects models by the scope of {old}."


def _of(control: str, framework: str) -> bool:
    return control.partition("/")[0] == framework


def _matches(match: Mapping[str, Any], old: str) -> bool:
    wanted = match.get(REGIMES)
    lists = wanted.values() if isinstance(wanted, Mapping) else [wanted]
    return any(old == one or (isinstance(one, (list, tuple)) and old in one) for one in lists)
