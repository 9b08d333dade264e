"""What registries elsewhere say of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.deploys.integrations.told import told_of
from apps.inventory.queries import find_version

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import RegistryEntry


def _entry(row: RegistryEntry) -> dict[str, Any]:
    return {
        "registry": row.integration.name,
        "kind": row.integration.kind,
        "name": row.name,
        "number": row.number,
        "digest": row.digest,
        "status": row.status,
        "provenance": "self-reported",
        "says": row.said,
        "first_seen_at": row.first_seen_at,
        "seen_at": row.seen_at,
    }


@operation(
    "GET",
    "What registries elsewhere say of a version: their runs, metrics and marks, vouched for by nobody here.",
    answers={200: "One entry for each registry that has its bytes."},
)
def told(request: HttpRequest, key: str, label: str, *, by: Person) -> HttpResponse:
    rows = told_of(find_version(by, key, label))
    return answer({"registries": [_entry(row) for row in rows]})


version_told = endpoint(told)
