"""How many runs came before a version, by the word of the registry that has its bytes.

So that picking the best of many is seen by whoever reads the report.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps

from apps.inventory.models import ModelVersion


def runs_before(version: ModelVersion) -> list[tuple[str, str]]:
    """By registry, in words, how many runs began before the one that made it; empty where none told it."""
    # What speaks with registries stands beside this app, not below it.
    rows = apps.get_model("deploys", "RegistryEntry").objects.filter(
        digest__in={version.digest, version.artifact_id, version.manifest_digest} - {None, ""}, gone_at=None
    )
    told = rows.select_related("integration").order_by("integration__name", "name", "pk")
    return [
        (f"{row.integration.name}, {row}", _sentence(row.said["runs_before"]))
        for row in told
        if "runs_before" in row.said and _speaks_of(row, version)
    ]


def _speaks_of(row: Any, version: ModelVersion) -> bool:
    """Whether what the registry calls it is bound to its model; a binding by name hides those for all."""
    rows = row.integration.bindings.filter(ended_at=None, place="", source__in={"", row.name})
    bound = list(rows.values_list("source", "model_id"))
    named = [found for found in bound if found[0]] or bound
    return version.model_id in {model for _, model in named}


def _sentence(count: object) -> str:
    if count == 0:
        return "no earlier run in its experiment"
    return f"{count} earlier {'run' if count == 1 else 'runs'} in its experiment"
