"""A model version as a model card: the front matter that hubs of models read, and the same for people."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from apps.engine.cyclonedx import Card

_TASKS: Final = {"classifier": "tabular-classification", "scorecard": "tabular-classification",
                 "regressor": "tabular-regression", "generative": "text-generation"}  # fmt: skip
_LIBRARIES: Final = {"onnx": "onnx", "xgboost": "xgboost", "lightgbm": "lightgbm", "skops": "sklearn"}


def measured(card: Card) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each gate that has a number, with its measurement.

    Examples
    --------
    >>> digest = "sha256:" + "0" * 64
    >>> bare = Card(model="m", version="1", digest=digest, kind="classifier", made_at="2026-03-01T12:00:00Z")
    >>> list(measured(bare))
    []
    """
    for gate in card.decision.get("gates", ()):
        told = gate.get("measurement") or card.measurements.get(str(gate.get("evidence")), {})
        value = told.get("value")
        if told.get("status") == "measured" and isinstance(value, int | float):
            yield str(gate["id"]), told


def model_card(card: Card) -> str:
    """A card in Markdown with front matter.

    Examples
    --------
    >>> digest = "sha256:" + "0" * 64
    >>> card = Card(model="m", version="1", digest=digest, kind="classifier", made_at="2026-03-01T12:00:00Z")
    >>> model_card(card).splitlines()[0]
    '---'
    """
    front = yaml.safe_dump(_front(card), allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{front}---\n\n" + "\n".join(_body(card)) + "\n"


def _front(card: Card) -> dict[str, Any]:
    front: dict[str, Any] = {"model_name": card.model, "tags": ["countersign", card.kind]}
    if card.kind in _TASKS:
        front["pipeline_tag"] = _TASKS[card.kind]
    if card.format in _LIBRARIES:
        front["library_name"] = _LIBRARIES[card.format]
    if results := _results(card):
        front["model-index"] = [{"name": f"{card.model}@{card.version}", "results": results}]
    return front


def _results(card: Card) -> list[dict[str, Any]]:
    task = _TASKS.get(card.kind, "other")
    found: dict[str, list[dict[str, Any]]] = {}
    for gate, told in measured(card):
        name = str(told.get("dataset") or "holdout")
        metric = {
            "type": str(told.get("check", gate)),
            "name": gate,
            "value": told["value"],
            "verified": False,
        }
        found.setdefault(name, []).append(metric)
    return [
        {"task": {"type": task}, "dataset": {"type": name, "name": name}, "metrics": metrics}
        for name, metrics in sorted(found.items())
    ]


def _body(card: Card) -> Iterator[str]:
    yield f"# {_plain(card.title or card.model)}"
    yield ""
    yield f"Version {_plain(card.version)} of {_plain(card.model)}, {_plain(card.digest)}."
    for title, text in (("Intended use", card.purpose), ("Limitations", card.limitations)):
        yield f"\n## {title}\n\n{_plain(text) or 'Not provided.'}"
    yield "\n## Training and evaluation data\n"
    for name, told in sorted(card.datasets.items()):
        yield f"- {_plain(name)}: {told['rows']} rows, {_plain(str(told['digest']))}"
    yield "\n## Evaluation\n"
    yield f"Decision: {_plain(str(card.decision.get('outcome') or 'none yet'))}.\n"
    for gate in card.decision.get("gates", ()):
        yield f"- {_plain(str(gate['id']))}: {gate.get('outcome')}. {_plain(str(gate.get('why') or ''))}"
    yield "\n## Governance\n"
    for name, value in sorted(card.properties.items()):
        yield f"- {_plain(name)}: {_plain(value)}"


def _plain(text: str) -> str:
    """Words of people as words: no mark-up, no line that begins something else."""
    told = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{sign}" if sign in "\\`*_[]#|" else sign for sign in told)
