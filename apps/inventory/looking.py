"""Files looked into before they are registered: columns, values, groups, and what seems wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.access.models import Person
from apps.inventory import guards
from apps.inventory.intake import Intake, asked_of_child, inspect, read_intake

_NOBODYS = {"model": "inspected", "version": "0"}


@dataclass(frozen=True, slots=True)
class Looked:
    """A manifest with what a child process found in its files; nothing of it is written."""

    intake: Intake
    datasets: Mapping[str, Mapping[str, Any]]

    @property
    def problems(self) -> int:
        return sum(len(found["problems"]) for found in self.datasets.values())


def look_at_files(by: Person, blobs: Mapping[str, Any]) -> Looked:
    """The columns of data files of which nothing is declared yet."""
    declared = {name: {"path": name} for name in blobs.get("datasets") or {}}
    spec = {"kind": "classifier", "datasets": declared}
    manifest = {"apiVersion": "governance/v1", "kind": "ModelVersion", "metadata": _NOBODYS, "spec": spec}
    return _looked(by, read_intake(manifest, {"datasets": blobs.get("datasets") or {}}))


def look_at_version(by: Person, manifest: bytes, blobs: Mapping[str, Any]) -> Looked:
    """What a registration would bring: refused where it would be refused, else what seems wrong."""
    intake = read_intake(manifest, blobs)
    guards.holds_bytes(by, intake)
    inspect(intake)
    return _looked(by, intake)


def _looked(by: Person, intake: Intake) -> Looked:
    guards.holds_bytes(by, intake)
    return Looked(intake, asked_of_child("look", intake)["datasets"])
