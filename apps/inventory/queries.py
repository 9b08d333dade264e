"""The reads of the inventory: one model, one version, the fields that policies ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Model,
    OuterRef,
    Q,
    QuerySet,
)
from django.utils import timezone

from apps.access.guards import may, require, require_anywhere
from apps.access.models import Person
from apps.access.queries import visible_models
from apps.access.states import Permission
from apps.access.text import storable
from apps.audit.errors import Invalid, NotFound
from apps.engine.regimes import applying, known
from apps.inventory.listed import Listed
from apps.inventory.models import (
    Blob,
    BusinessUnit,
    Contribution,
    Idea,
    ModelVersion,
    RegimeDecision,
    RegisteredModel,
    Upload,
    Use,
)
from apps.inventory.states import Standing
from apps.inventory.store import open as open_bytes
from apps.inventory.store import plain_digest

Row = TypeVar("Row", bound=Model)


def find_model(by: Person, key: str) -> RegisteredModel:
    """The model, or NotFound when there is none or the person may not see it."""
    rows = visible_models(by).select_related("unit", "owner").filter(key=key)
    row = rows.first() if storable(key) else None
    if row is None:
        raise NotFound(f'There is no model "{key}".')
    return row


def visible_versions(by: Person) -> QuerySet[ModelVersion]:
    """Every version of a model that the person may see."""
    rows = ModelVersion.objects.filter(model__in=visible_models(by))
    return rows.select_related("model__unit", "model__owner", "registered_by")


def find_version(by: Person, key: str, label: str) -> ModelVersion:
    """The version, or NotFound."""
    rows = visible_versions(by).filter(model__key=key, label=label)
    row = rows.first() if storable(key + label) else None
    if row is None:
        raise NotFound(f'There is no version "{label}" of a model "{key}".')
    return row


def find_version_by_digest(by: Person, digest: str) -> ModelVersion:
    """The version that a digest names, or NotFound."""
    row = visible_versions(by).filter(digest=digest).first() if storable(digest) else None
    if row is None:
        raise NotFound(f"There is no version {digest}.")
    return row


def find_use(model: RegisteredModel, key: str = "") -> Use:
    """The use of that name; without a name the only one that is not retired."""
    rows = list(model.uses.select_related("model").order_by("key"))
    known = ", ".join(use.key for use in rows) or "none yet"
    if key:
        named = [use for use in rows if use.key == key]
        if not named:
            raise NotFound(f'{model.key} has no use "{key}"; its uses are: {known}.', field="use")
        return named[0]
    current = [use for use in rows if use.retired_at is None]
    if len(current) != 1:
        raise Invalid(f"Please name the use; {model.key} has: {known}.", field="use")
    return current[0]


def find_unit(key: str) -> BusinessUnit:
    """The business unit of that name."""
    row = BusinessUnit.objects.filter(key=key).first() if storable(key) else None
    if row is None:
        known = ", ".join(BusinessUnit.objects.order_by("key").values_list("key", flat=True)[:20])
        raise Invalid(f'There is no business unit "{key}"; known are: {known or "none yet"}.', field="unit")
    return row


def visible_uses(by: Person) -> QuerySet[Use]:
    """Every use of a model that the person may see, in service or retired."""
    rows = Use.objects.filter(model__in=visible_models(by)).select_related("model", "retired_by")
    return rows.order_by("model__key", "key")


def visible_blobs(by: Person) -> QuerySet[Blob]:
    """Bytes that the person handed in, or that a version which they may see is made of."""
    seen = ModelVersion.objects.filter(model__in=visible_models(by))
    own = Q(possessions__person__identity=by.identity)
    parts = (
        Q(pk__in=seen.values("artifact_id"))
        | Q(pk__in=seen.values("datasets__blob_id"))
        | Q(pk__in=seen.values("datasets__parts__blob_id"))
        | Q(pk__in=seen.values("manifest_digest"))
    )
    return Blob.objects.filter(own | parts).distinct()


def find_upload(by: Person, upload_id: UUID) -> Upload:
    """An upload of the person's own, or NotFound."""
    row = Upload.objects.select_related("unit", "person").filter(pk=upload_id, person=by).first()
    if row is None or row.expires_at <= timezone.now():
        raise NotFound("There is no such upload; it may have expired. Begin again.")
    return row


def may_upload(by: Person) -> None:
    """Forbidden for those who hand in no versions."""
    require_anywhere(by, Permission.VERSION_REGISTER)


def may_see_storage(by: Person) -> None:
    """Forbidden for everybody but those who run the store."""
    require(by, Permission.STORAGE_MANAGE)


def has_blob(by: Person, digest: str) -> bool:
    """Whether the bytes of a digest are there for this person; others learn nothing of them."""
    there = visible_blobs(by).filter(kept__removed_at__isnull=True)
    return storable(digest) and there.filter(pk=digest).exists()


def current_tier(model: RegisteredModel | Listed, *, as_of: datetime | None = None) -> int | None:
    """The newest tier given to a model, now or as it stood at a time; None before the first."""
    if isinstance(model, Listed):
        return model.tier
    if as_of is None and "tier" in model.__dict__:
        return model.__dict__["tier"]  # type: ignore[no-any-return]
    rows = model.tierings.order_by("-assigned_at", "-id")
    if as_of is not None:
        rows = rows.filter(assigned_at__lte=as_of)
    return rows.values_list("tier", flat=True).first()


def builders_of(model: RegisteredModel) -> frozenset[str]:
    """The humans who own the model or built any version of it, by identity."""
    rows = Contribution.objects.filter(version__model=model)
    return frozenset({model.owner.identity, *rows.values_list("person__identity", flat=True)})


def uses_of(model: RegisteredModel) -> list[Use]:
    """Every use of a model."""
    return list(model.uses.order_by("key"))


def newest_regimes(model: RegisteredModel) -> dict[str, RegimeDecision]:
    """By regime, the newest decision on whether it applies; a regime without one is undecided."""
    rows = RegimeDecision.objects.filter(model=model).order_by("regime", "-decided_at", "-id")
    return {row.regime: row for row in rows.distinct("regime").select_related("decided_by")}


def excluded_regimes(model: RegisteredModel) -> list[str]:
    """The regimes whose newest decision says that they do not apply, as the rows stand."""
    if "excluded" in model.__dict__:
        return model.__dict__["excluded"] or []
    return [regime for regime, row in newest_regimes(model).items() if not row.applies]


@dataclass(frozen=True, slots=True)
class RegimesInShort:
    """What a card says of a model's regimes, as the rows stand."""

    applying: list[str]
    excluded: list[str]
    undecided: int


def regimes_in_short(decided: Mapping[str, RegimeDecision]) -> RegimesInShort:
    """Those that apply, those decided not to, and how many nobody has decided on."""
    excluded = [regime for regime, row in decided.items() if not row.applies and regime in known()]
    undecided = sum(regime not in decided for regime in known())
    return RegimesInShort([name for name in known() if name not in excluded], excluded, undecided)


def with_excluded(rows: QuerySet[Row], model: str) -> QuerySet[Row]:
    """Rows with the excluded regimes of each one's model, for reads of many: `excluded`."""
    newest = RegimeDecision.objects.order_by("model_id", "regime", "-decided_at", "-id")
    out = RegimeDecision.objects.filter(
        model=OuterRef(model), applies=False, pk__in=newest.distinct("model_id", "regime").values("pk")
    )
    found = rows.annotate(excluded=ArraySubquery(out.order_by("regime").values("regime")))
    return cast("QuerySet[Row]", found)


def subject_fields(version: ModelVersion, use: Use) -> dict[str, Any]:
    """What policies may ask of a model before they apply; None where the inventory has no value.

    The rows as they stand, for previews; a gate goes by `sealed.sealed_fields`.
    """
    model = version.model
    return described(version, use, tier=current_tier(model), excluded=excluded_regimes(model))


def described(
    version: ModelVersion, use: Use, *, tier: int | None, excluded: Iterable[str]
) -> dict[str, Any]:
    """The same, of a tier and of regimes out of scope that the caller looked up."""
    model, spec = version.model, version.manifest["spec"]
    notes = spec.get("annotations") if isinstance(spec.get("annotations"), dict) else {}
    exposure = model.exposure_eur
    return {
        "model.key": model.key,
        "model.tier": tier,
        "model.domain": model.domain or None,
        "model.kind": model.kind,
        "model.use": use.key,
        "model.unit": model.unit.key,
        "model.owner": model.owner.username,
        "model.vendor": model.vendor,
        "model.jurisdictions": list(model.jurisdictions) or None,
        "model.regimes": applying(excluded),
        "model.exposure_eur": None if exposure is None else float(exposure),
        "model.artifact_format": version.artifact_format,
        "model.autonomy": notes.get("autonomy") if isinstance(notes.get("autonomy"), str) else None,
    }


def standing(version: ModelVersion, as_of: datetime) -> Standing:
    """Where a version stood at a time: not yet known, in development, or with every use retired."""
    if version.registered_at > as_of:
        return Standing.UNKNOWN
    ends = list(version.model.uses.values_list("retired_at", flat=True))
    if ends and all(end is not None and end <= as_of for end in ends):
        return Standing.RETIRED
    return Standing.DEVELOPMENT


def units_for(by: Person, permission: Permission) -> list[BusinessUnit]:
    """The units in which the person holds a permission, by title."""
    return [unit for unit in BusinessUnit.objects.order_by("title")[:500] if may(by, permission, unit)]


@dataclass(frozen=True, slots=True)
class IdeaSeen:
    """What was said when a record was opened; of the models that resembled it those one may see."""

    idea: Idea
    alike: list[str]


def idea_of(by: Person, model: RegisteredModel) -> IdeaSeen | None:
    """The idea of a model, where somebody opened the record before a version."""
    idea = Idea.objects.filter(model=model).select_related("opened_by").first()
    if idea is None:
        return None
    seen = visible_models(by).filter(key__in=idea.shown).order_by("key")
    return IdeaSeen(idea, list(seen.values_list("key", flat=True)))


def has_registered(by: Person) -> bool:
    """Whether the person registered or owns any model or version."""
    mine = Q(registered_by=by) | Q(owner=by) | Q(versions__registered_by=by)
    return RegisteredModel.objects.filter(mine).exists()


def own_bytes(by: Person, digest: str, largest: int) -> bytes:
    """Bytes that the person handed in or may see; refused where there are too many."""
    wanted = plain_digest(digest)
    row = visible_blobs(by).filter(pk=wanted).first()
    if row is None:
        raise NotFound(f"The bytes {wanted} were not uploaded by you; upload them first.", field="digest")
    if row.size > largest:
        raise Invalid(f"The file has {row.size:,} bytes; at most {largest:,} are taken.", field="digest")
    with open_bytes(wanted) as file:
        return bytes(file.read())
