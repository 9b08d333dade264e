"""Files of versions in registries that tell no digest: fetched, kept as any upload is, fetched again."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.states import Acting
from apps.deploys.integrations import reading
from apps.deploys.integrations.registries import File, Registry
from apps.deploys.integrations.sending import NotTold
from apps.deploys.integrations.telling import Way
from apps.deploys.models import Integration, RegistryEntry
from apps.gates.clock import database_now
from apps.inventory.commands import store_blob

FILE = "file"
_NEVER = datetime.min.replace(tzinfo=UTC)
AT_ONCE = 5  # the others at the next readings: one reading stays within its lease
AGAIN = timedelta(hours=24)  # bytes may change under a name, whatever the registry promises
SOON = timedelta(minutes=15)  # after one that came to nothing
HOLDS = timedelta(hours=48)  # so long a digest holds that could not be looked at again


def fetched_digest(entry: RegistryEntry) -> str:
    """The digest of the bytes that were fetched; empty where none were."""
    told = entry.said.get(FILE)
    return str(told.get("digest", "")) if isinstance(told, dict) else ""


def kept_of_file(entry: RegistryEntry) -> dict[str, Any]:
    """What is kept of the file when the registry is read anew."""
    return {FILE: entry.said[FILE]} if FILE in entry.said else {}


def fetch_files(row: Integration, registry: Registry, way: Way, *, by: Acting) -> str:
    """Fetch the files that are due, of versions whose name is bound; the first trouble, in words."""
    if registry.fetch is None:
        return ""
    faults: list[str] = []
    for entry in _due(row)[:AT_ONCE]:
        try:
            _keep(row, entry, registry.fetch(way, entry.name, entry.number), by=by)
        except (NotTold, Refused) as problem:
            faults.append(f"{entry}: {problem}")
            _failed(entry, str(problem))
    return faults[0] if faults else ""


def _due(row: Integration) -> list[RegistryEntry]:
    """Those never tried first, then those tried longest ago."""
    rows = RegistryEntry.objects.filter(integration=row, gone_at=None)
    now, due = database_now(), []
    for entry in rows:
        told = kept_of_file(entry).get(FILE, {})
        at = datetime.fromisoformat(told["at"]) if told else _NEVER
        if now - at > (SOON if told.get("fault") else AGAIN) and reading.bound(row, entry.name, ""):
            due.append((at, entry.pk, entry))
    return [entry for _, _, entry in sorted(due, key=lambda one: one[:2])]


def _keep(row: Integration, entry: RegistryEntry, file: File, *, by: Acting) -> None:
    """The bytes go where every upload goes, under the quota of the unit; no one opens them here."""
    unit = reading.bound(row, entry.name, "")[0].model.unit.key
    blob = store_blob(by=row.account, stream=io.BytesIO(file.data), size=len(file.data), unit=unit)
    before = entry.digest
    with transaction.atomic():
        seen = database_now().isoformat()
        _tried(entry, {"name": file.name, "digest": blob.digest, "bytes": blob.size, "seen": seen})
        if blob.digest != before:
            after = {"digest": blob.digest, "file": file.name, "bytes": blob.size}
            audit.record(
                by=by,
                action=EventName.REGISTRY_FETCHED,
                subject=entry,
                before={"digest": before},
                after=after,
            )


def _failed(entry: RegistryEntry, fault: str) -> None:
    """What was seen lately holds a while; what nobody has seen for long is nothing of ours."""
    former = kept_of_file(entry).get(FILE, {})
    seen = former.get("seen", "")
    lately = bool(seen) and database_now() - datetime.fromisoformat(seen) < HOLDS
    held = {name: former[name] for name in ("name", "digest", "bytes", "seen") if lately and name in former}
    _tried(entry, {**held, "fault": fault[:300]})


def _tried(entry: RegistryEntry, told: dict[str, Any]) -> None:
    entry.said = {**entry.said, FILE: {**told, "at": database_now().isoformat()}}
    entry.digest = str(told.get("digest", ""))
    RegistryEntry.objects.filter(pk=entry.pk).update(said=entry.said, digest=entry.digest)
