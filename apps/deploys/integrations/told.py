"""What registries elsewhere say of a version of ours: their own word, shown and believed for nothing."""

from __future__ import annotations

from apps.deploys.integrations import reading
from apps.deploys.models import RegistryEntry
from apps.inventory.models import ModelVersion


def told_of(version: ModelVersion) -> list[RegistryEntry]:
    """The entries that are still there, have its bytes, and whose name is bound to its model."""
    digests = {version.digest, version.artifact_id, version.manifest_digest} - {None, ""}
    rows = RegistryEntry.objects.filter(digest__in=digests, gone_at=None).select_related("integration")
    return [row for row in rows.order_by("integration__name", "name", "pk") if _bound(row, version)]


def _bound(row: RegistryEntry, version: ModelVersion) -> bool:
    return any(one.model_id == version.model_id for one in reading.bound(row.integration, row.name, ""))
