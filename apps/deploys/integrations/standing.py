"""What the deploy gate says of a version in a registry, read and not written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Q

from apps.audit.errors import NotFound, Refused
from apps.deploys.asking import Said, asked, read_request, weighed
from apps.deploys.integrations import reading
from apps.deploys.integrations.registries import Mark, mark_of
from apps.deploys.integrations.sending import Line
from apps.deploys.integrations.telling import Way
from apps.deploys.models import Admission, Binding, Integration, RegistryEntry, RegistryPoll
from apps.deploys.states import VersionFrom
from apps.gates.clock import database_now
from apps.inventory.models import ModelVersion

SHOWN = 200
_WORST = (Mark.REJECTED, Mark.PENDING, Mark.APPROVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The mark of an entry under all that its name is bound to, with why."""

    mark: Mark
    bindings: Sequence[Binding]
    versions: Mapping[int, ModelVersion]
    askings: Sequence[dict[str, Any]] = ()
    reasons: Sequence[str] = field(default=())

    def words(self, longest: int, admission: Admission | None) -> str:
        """The mark and its reasons in one line, cut where they grow too long."""
        tail = f" {settings.BASE_URL.rstrip('/')}/admissions/{admission.pk}" if admission else ""
        body = " ".join(" ".join((f"Countersign: {self.mark}.", *self.reasons)).split())
        room = longest - len(tail)
        return (body if len(body) <= room else f"{body[: room - 2]} …") + tail


def judged(row: Integration, entry: RegistryEntry) -> Judged | None:
    """What is to stand there; None where nothing is bound to the name. All that is bound must allow it."""
    bindings = reading.bound(row, entry.name, "")
    if not bindings:
        return None
    found = [_under(row, entry, binding) for binding in bindings]
    mark = next(mark for mark in _WORST if mark in [one.mark for one in found])
    return Judged(
        mark=mark,
        bindings=bindings,
        versions={b.pk: one.version for b, one in zip(bindings, found, strict=True) if one.version},
        askings=[one.asking for one in found if one.asking],
        reasons=[sentence for one in found if one.mark is mark for sentence in one.reasons],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    mark: Mark
    reasons: Sequence[str]
    version: ModelVersion | None = None
    asking: dict[str, Any] | None = None


def _under(row: Integration, entry: RegistryEntry, binding: Binding) -> _One:
    version = version_of(entry, binding)
    if version is None:
        return _One(mark=Mark.PENDING, reasons=(_draft(entry, binding),))
    asking = {
        "model": binding.model.key,
        "version": version.label,
        "environment": binding.environment.key,
        "use": binding.use,
        "digest": entry.digest,
    }
    stated = Said(deploy_type=binding.deploy_type, properties=binding.properties)
    try:
        answer = weighed(asked(row.account, read_request(**asking), stated), database_now())[1]
    except (NotFound, Refused) as problem:
        return _One(mark=Mark.PENDING, reasons=(str(problem),), version=version)
    told = tuple(reason.message for reason in answer.reasons)
    said = {"deploy_type": binding.deploy_type, "properties": binding.properties}
    return _One(mark=mark_of(answer), reasons=told, version=version, asking={**asking, **said})


def version_of(entry: RegistryEntry, binding: Binding) -> ModelVersion | None:
    """The version whose bytes the registry says that these are; without a digest there is none."""
    if not entry.digest:
        return None
    same = Q(digest=entry.digest) | Q(artifact_id=entry.digest) | Q(manifest_digest=entry.digest)
    rows = ModelVersion.objects.filter(same, model=binding.model).order_by("-registered_at", "-pk")
    wanted = {VersionFrom.FIXED: binding.version, VersionFrom.ASKED: entry.number}
    if label := wanted.get(VersionFrom(binding.version_from)):
        rows = rows.filter(label=label)
    return rows.first()


def _draft(entry: RegistryEntry, binding: Binding) -> str:
    if not entry.digest:
        return f"The registry names no digest of {entry}, so that it is no registered version."
    return f"{binding.model.key} has no registered version with the bytes {entry.digest[:19]}…."


def way_of(row: Integration) -> Way:
    """The way out of an integration, without a question."""

    def secret(name: str) -> str:
        found = reading.unlocked(row, name)
        return found[0].decode() if found else ""

    return Way(line=Line(row.hosts), settings=row.settings, secret=secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One entry as the page shows it."""

    entry: RegistryEntry
    bindings: Sequence[Binding]
    versions: Sequence[ModelVersion]


def poll_of(row: Integration) -> RegistryPoll | None:
    """When a registry was read last and is read next."""
    return RegistryPoll.objects.filter(integration=row).first()


def entries_of(row: Integration) -> Iterator[Shown]:
    """What a registry holds, those that are still there first, each with the versions that it is here."""
    rows = RegistryEntry.objects.filter(integration=row).select_related("admission")
    for entry in rows.order_by("gone_at", "name", "-first_seen_at", "-pk")[:SHOWN]:
        bindings = reading.bound(row, entry.name, "")
        found = [version for b in bindings if (version := version_of(entry, b)) is not None]
        yield Shown(entry=entry, bindings=bindings, versions=found)
