"""A model version registered for real: files in the store, pinned by digest."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from apps.access.models import Person
from apps.inventory.commands import register_version, store_blob
from apps.inventory.models import BusinessUnit, ModelVersion
from tests.engine.subjects import PEOPLE, Table, write_subject

# The same eight people, a hundred times: enough rows for every interval.
MANY: Table = {name: list(values) * 100 for name, values in PEOPLE.items()}


def register(
    by: Person, folder: Path, tables: Mapping[str, Table] | None = None, *, label: str = "1", **spec: Any
) -> ModelVersion:
    """Register a version whose scores stand in a column."""
    BusinessUnit.objects.get_or_create(key="retail", defaults={"title": "Retail"})
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "use": "credit_decision",
        "domain": "credit",
        "unit": "retail",
        "artifact": {"format": "none"},
    } | spec
    path = write_subject(folder, tables or {"holdout": MANY}, **spec)
    manifest = yaml.safe_load(path.read_bytes())
    manifest["metadata"]["version"] = label
    digests = {
        name: store_blob(by=by, stream=io.BytesIO((folder / entry["path"]).read_bytes())).digest
        for name, entry in manifest["spec"]["datasets"].items()
    }
    data = yaml.safe_dump(manifest).encode()
    return register_version(by=by, manifest=data, blobs={"datasets": digests})
