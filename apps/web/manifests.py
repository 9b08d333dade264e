"""A form's description of a version, written as the `model.yaml` that registers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from apps.audit.errors import Invalid

FORMATS = {".onnx": "onnx", ".ubj": "xgboost", ".json": "xgboost", ".txt": "lightgbm", ".skops": "skops"}
ROLES = ("target", "positive", "favourable", "score", "decision", "decided", "threshold", "weight", "period")


@dataclass(frozen=True, slots=True)
class Table:
    """A data set as a manifest names it: its path, and the columns that it has."""

    path: str
    columns: frozenset[str]


def guessed_format(name: str) -> str:
    """What a model file's name says that it is; nothing where it says nothing."""
    suffix = "." + name.rpartition(".")[2].lower() if "." in name else ""
    return FORMATS.get(suffix, "")


def written(
    *,
    model: str,
    kind: str,
    given: Mapping[str, str],
    protected: Sequence[str],
    artifact: str,
    tables: Mapping[str, Table],
) -> bytes:
    """The manifest of a form.

    Parameters
    ----------
    artifact
        The name of the model file; empty where the scores come in a column.
    tables
        The data sets by name; a role is declared where its column stands.
    """
    spec: dict[str, Any] = {"use": given.get("use", "").strip() or None, "kind": kind}
    if artifact:
        spec["artifact"] = {"path": artifact, "format": _format(given, artifact)}
    spec["features"] = _listed(given.get("features", "")) or None
    spec["source"] = _only(repository=given.get("repository", ""), commit=given.get("commit", "")) or None
    spec["datasets"] = {
        name: {"path": table.path, **_declared(given, protected, table.columns)}
        for name, table in tables.items()
    }
    metadata = {
        "model": model,
        **_only(version=given.get("version", ""), title=given.get("version_title", "")),
    }
    if "version" not in metadata:
        raise Invalid("Name the version, such as 1 or 2026-11.", field="version")
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value is not None},
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()


def _format(given: Mapping[str, str], artifact: str) -> str:
    named = given.get("format", "").strip() or guessed_format(artifact)
    if not named:
        raise Invalid(f"Say which format {artifact} has: its name does not tell.", field="format")
    return named


def _declared(given: Mapping[str, str], protected: Sequence[str], columns: frozenset[str]) -> dict[str, Any]:
    text = {name: given.get(name, "").strip() for name in ROLES}
    found: dict[str, Any] = {}
    if text["target"] in columns:
        found["label"] = {"column": text["target"], **_only(positive=text["positive"])}
        found |= _only(favourable=text["favourable"])
    if text["score"] in columns:
        found["score"] = {"column": text["score"]}
    found |= _decision(text, columns)
    groups = [name for name in protected if name in columns]
    return found | ({"protected": groups} if groups else {}) | _placed(text, columns)


def _placed(text: Mapping[str, str], columns: frozenset[str]) -> dict[str, str]:
    return {role: text[role] for role in ("weight", "period") if text[role] in columns}


def _decision(text: Mapping[str, str], columns: frozenset[str]) -> dict[str, Any]:
    if text["threshold"]:
        try:
            return {"decision": {"threshold": float(text["threshold"])}}
        except ValueError as problem:
            told = f'"{text["threshold"][:40]}" is no threshold: a number such as 0.2 is.'
            raise Invalid(told, field="threshold") from problem
    if text["decision"] not in columns:
        return {}
    if not text["decided"]:
        told = f'Say which value of "{text["decision"]}" is the favourable decision.'
        raise Invalid(told, field="decided")
    return {"decision": {"column": text["decision"], "favourable": text["decided"]}}


def _only(**fields: str) -> dict[str, str]:
    """The fields that something is written in."""
    return {name: value.strip() for name, value in fields.items() if value.strip()}


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.replace("\n", ",").split(",") if name.strip()]
