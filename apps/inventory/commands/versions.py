"""Versions: a manifest and bytes become a fact, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean
from apps.audit import commands as audit
from apps.audit.errors import Invalid
from apps.audit.events import EventName
from apps.engine.canonical import digest
from apps.inventory import guards
from apps.inventory.commands.blobs import count_to, store_bytes
from apps.inventory.commands.models import hold_model, register_model
from apps.inventory.commands.uses import use_of
from apps.inventory.intake import Intake, inspect, read_intake
from apps.inventory.models import Contribution, DataPart, DataSet, ModelVersion, RegisteredModel
from apps.inventory.states import Part


def register_version(
    *, by: Person, manifest: Mapping[str, Any] | bytes, blobs: Mapping[str, Any]
) -> ModelVersion:
    """Register a version from its manifest and the digests of its bytes, stored before.

    ``blobs`` is ``{"artifact": digest, "datasets": {name: digest}}``. A model that is not known yet is
    registered with it. The same bytes again give the same row; other bytes under a label are refused.
    """
    intake = read_intake(manifest, blobs)
    permitted(by=by, intake=intake)
    known = _known(intake)
    if known is not None:
        return known
    guards.free_word(intake.manifest.version, "version")
    guards.holds_bytes(by, intake)
    rows = inspect(intake)  # in a child process, so outside of any transaction
    store_bytes(by=by, data=intake.raw, media="application/yaml")
    for listed in intake.lists().values():
        store_bytes(by=by, data=listed, media="text/plain")
    return _register(by=by, intake=intake, rows=rows)


def permitted(*, by: Person, intake: Intake) -> RegisteredModel | None:
    """The model, where it is known; Forbidden unless the person may register its versions, or the model."""
    model = RegisteredModel.objects.select_related("unit", "owner").filter(key=intake.manifest.model).first()
    if model is not None:
        require(by, Permission.VERSION_REGISTER, model)
        guards.same_kind(model, intake.manifest.kind)
        return model
    unit = guards.unit_for(by, intake.manifest.spec.get("unit"))
    require(by, Permission.VERSION_REGISTER, unit)
    require(by, Permission.MODEL_REGISTER, unit)
    return None


def _known(intake: Intake) -> ModelVersion | None:
    rows = ModelVersion.objects.select_related("model")
    version = rows.filter(model__key=intake.manifest.model, label=intake.manifest.version).first()
    return None if version is None else guards.unchanged(version, intake)


@transaction.atomic
def _register(*, by: Person, intake: Intake, rows: Mapping[str, int]) -> ModelVersion:
    hold_model(intake.manifest.model)
    model = permitted(by=by, intake=intake)
    known = _known(intake)
    if known is not None:
        return known
    model = model or _new_model(by=by, manifest=intake)
    count_to(by=by, unit=model.unit, digests=intake.files)
    if intake.manifest.use is not None:
        use_of(by=by, model=model, key=intake.manifest.use)
    version = _store_version(by, model, intake)
    for name, bytes_digest in intake.datasets.items():
        _store_dataset(by, version, intake, name=name, blob=bytes_digest, rows=rows[name])
    for person, part in _builders(by, intake):
        Contribution.objects.get_or_create(version=version, person=person, part=part)
    return version


def _new_model(*, by: Person, manifest: Intake) -> RegisteredModel:
    metadata, spec = manifest.manifest.metadata, manifest.manifest.spec
    key = manifest.manifest.model
    return register_model(
        by=by,
        key=key,
        title=_text(metadata, "title") or _text(spec, "title") or key,
        kind=manifest.manifest.kind,
        unit=guards.unit_for(by, spec.get("unit")),
        owner=_owner(by, _text(spec, "owner") or _text(metadata, "owner")),
        purpose=_text(spec, "purpose") or _text(spec, "intended_use"),
        limitations=_text(spec, "limitations"),
        domain=_text(spec, "domain"),
        jurisdictions=spec.get("jurisdictions") or (),
        vendor=_truth(spec, "vendor"),
        exposure_eur=spec.get("exposure_eur"),
    )


def _owner(by: Person, named: str) -> Person:
    """The person that the manifest names; the human who registers it where it names none of ours."""
    found = Person.objects.filter(username=named, is_active=True, is_service=False).first() if named else None
    return found or guards.answerable(by)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f'"{name}" of the manifest must be text.', field=name)
    return value or ""


def _truth(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise Invalid(f'"{name}" of the manifest must be true or false.', field=name)
    return bool(value)


def _store_version(by: Person, model: RegisteredModel, intake: Intake) -> ModelVersion:
    manifest = intake.manifest
    source = manifest.spec.get("source")
    origin = source if isinstance(source, Mapping) else {}
    version = ModelVersion.objects.create(
        model=model,
        label=manifest.version,
        digest=intake.digest,
        title=clean(_text(manifest.metadata, "title"), field="title", longest=300),
        manifest={"metadata": manifest.metadata, "spec": manifest.spec},
        manifest_digest=digest(intake.raw),
        artifact_id=intake.artifact,
        artifact_format=manifest.format,
        source_repository=clean(_text(origin, "repository"), field="source.repository", longest=500),
        source_commit=clean(_text(origin, "commit"), field="source.commit", longest=120),
        registered_by=by,
    )
    after = {
        "model": model.key,
        "version": version.label,
        "digest": version.digest,
        "manifest": version.manifest_digest,
        "artifact": intake.artifact,
        "datasets": dict(intake.datasets),
    }
    audit.record(
        by=by,
        action=EventName.VERSION_REGISTERED,
        subject=version,
        after=after,
        on_behalf_of=guards.answerable(by) if by.is_service else None,
    )
    return version


def _store_dataset(
    by: Person, version: ModelVersion, intake: Intake, *, name: str, blob: str, rows: int
) -> None:
    declared = intake.manifest.spec["datasets"][name]
    dataset = DataSet.objects.create(
        version=version,
        name=name,
        blob_id=blob,
        digest=blob,
        rows=rows,
        declared=declared,
        filename=str(declared["path"]).rstrip("/").rpartition("/")[2][-255:],
    )
    parts = intake.parts.get(name, {})
    DataPart.objects.bulk_create(DataPart(dataset=dataset, name=n, blob_id=d) for n, d in parts.items())
    after = {"digest": blob, "rows": rows} | ({"parts": len(parts)} if parts else {})
    audit.record(by=by, action=EventName.DATASET_REGISTERED, subject=dataset, after=after)


def _builders(by: Person, intake: Intake) -> Iterator[tuple[Person, Part]]:
    """Whoever registers it, the human behind a service account, and the developers that we know."""
    yield by, Part.COMMITTER
    if by.is_service:
        yield guards.answerable(by), Part.COMMITTER
    named = intake.manifest.spec.get("developers") or []
    names = [n for n in ([named] if isinstance(named, str) else named) if isinstance(n, str)]
    for person in Person.objects.filter(Q(username__in=names) | (Q(email__in=names) & ~Q(email=""))):
        yield person, Part.DEVELOPER


@transaction.atomic
def note_contribution(*, by: Person, version: ModelVersion, person: Person, part: str) -> Contribution:
    """Write down that a person helped to make a version; it bars them from reviewing any of the model."""
    require(by, Permission.VERSION_REGISTER, version.model)
    return contribution_of(by=by, version=version, person=person, part=part)


@transaction.atomic
def contribution_of(*, by: Person, version: ModelVersion, person: Person, part: str) -> Contribution:
    """As `note_contribution`, for commands that checked who may."""
    known = guards.part(part)
    row, new = Contribution.objects.get_or_create(version=version, person=person, part=known)
    if new:
        after = {"person": str(person.pk), "part": known}
        audit.record(by=by, action=EventName.CONTRIBUTION_NOTED, subject=version, after=after)
    return row
