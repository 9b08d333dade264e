"""How long the bytes of retired models are kept: for ever, unless a file of the bank's says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import ManyToOneRel, Q, QuerySet

from apps.audit.errors import Invalid, Refused
from apps.audit.holds import refuse_held, standing_holds
from apps.audit.models import LegalHold
from apps.engine import strict_yaml
from apps.engine.canonical import canonical, digest
from apps.inventory.determinations import regime_lines
from apps.inventory.models import Blob, DataPart, DataSet, ModelVersion, RegisteredModel, StoredBytes, Use

LONGEST = 200
# Whatever else names a blob keeps it: reports, signatures, manifests, what a later app brings.
BOOKS = frozenset({("Possession", "blob"), ("StoredBytes", "blob"), ("UnitBytes", "blob")})
REMOVABLE = BOOKS | {("DataPart", "blob"), ("DataSet", "blob"), ("ModelVersion", "artifact")}


@dataclass(frozen=True, slots=True)
class Retention:
    """Years after retirement by regime; `otherwise` where no regime applies."""

    years: Mapping[str, int]
    otherwise: int | None

    def ends(self, regimes: Iterable[str], retired: date) -> date | None:
        """The first day on which bytes may go; None for never."""
        applying = list(regimes)
        spans = [self.years.get(name) for name in applying] if applying else [self.otherwise]
        if not spans or any(span is None for span in spans):
            return None
        return years_after(retired, max(span for span in spans if span is not None))


def years_after(day: date, years: int) -> date:
    """The same day so many years on; of a leap day the first of March.

    >>> years_after(date(2024, 2, 29), 1), years_after(date(2024, 2, 29), 4)
    (datetime.date(2025, 3, 1), datetime.date(2028, 2, 29))
    """
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def retention() -> Retention | None:
    """The rules in force; None where nothing is ever removed."""
    named = str(getattr(settings, "RETENTION", "") or "")
    if not named:
        return None
    path = Path(named)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"The file of retention rules {path} cannot be read: {error.strerror}.") from error
    return read_retention(data, name=path.name)


def read_retention(data: bytes, *, name: str = "retention.yaml") -> Retention:
    """Rules from YAML; Invalid names the first fault."""
    document: Any = strict_yaml.read(data, name=name).value
    if not isinstance(document, dict) or document.get("kind") != "Retention":
        raise Invalid(f'{name} must say "kind: Retention".', field="kind")
    lines = document.get("regimes")
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise Invalid(f'{name}: "regimes" must be a list of regimes with their years.', field="regimes")
    years = {str(line.get("regime")): _years(line, name) for line in lines}
    if len(years) != len(lines):
        raise Invalid(f"{name} names a regime twice.", field="regimes")
    otherwise = document.get("otherwise")
    return Retention(years, _years(otherwise, name) if isinstance(otherwise, dict) else None)


def _years(line: Mapping[str, Any], name: str) -> int:
    found = line.get("years")
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= LONGEST:
        told = line.get("regime", "otherwise")
        raise Invalid(
            f'{name}: "years" of {told} is {found!r}; a whole number from 1 to {LONGEST} is needed.',
            field="years",
        )
    return found


@dataclass(frozen=True, slots=True)
class Removable:
    """Bytes whose time is over: of which models, since when."""

    blob: Blob
    models: tuple[str, ...]
    since: date


@dataclass(frozen=True, slots=True)
class Ending:
    """A retired model: when its time is over (None: never), and what holds it nevertheless."""

    model: RegisteredModel
    retired: date
    until: date | None
    held: str


@dataclass(frozen=True, slots=True)
class Due:
    """What may be removed on a day, and the digest of the list of it."""

    rows: list[Removable]
    digest: str

    @property
    def size(self) -> int:
        return sum(one.blob.size for one in self.rows)


def due(today: date) -> Due:
    """What may be removed; whoever removes it says which list they saw."""
    rows = removable(today)
    return Due(rows, digest(canonical([one.blob.digest for one in rows])))


def endings() -> list[Ending]:
    """Every retired model with its last day, those first whose time is over first."""
    rules, holds = retention(), standing_holds()
    found = [_ending(m, day, rules, holds) for m in _retired() if (day := retired_on(m)) is not None]
    return sorted(found, key=lambda one: (one.until is None, one.until or one.retired, one.model.key))


def _ending(model: RegisteredModel, retired: date, rules: Retention | None, holds: list[LegalHold]) -> Ending:
    held = ""
    try:
        refuse_held(model=model.key, first=model.registered_at.date(), last=retired, holds=holds)
    except Refused as refused:
        held = str(refused)
    return Ending(model, retired, _retention_ends(model, rules) if rules else None, held)


def _retired() -> QuerySet[RegisteredModel]:
    """Models that had uses, all of which ended."""
    going_on = Use.objects.filter(retired_at=None).values("model_id")
    return RegisteredModel.objects.filter(uses__isnull=False).exclude(pk__in=going_on).distinct()


def removable(today: date) -> list[Removable]:
    """Every blob that may be removed today: its models retired long enough, nothing else of it, no hold."""
    rules = retention()
    if rules is None:
        return []
    holds, ends = standing_holds(), dict[int, date | None]()
    over = [m.pk for m in _retired() if (day := _end(m, rules, holds, ends)) is not None and day <= today]
    found = (_judged(blob, rules, holds, ends) for blob in _candidates(over))
    return [one for one in found if one is not None and one.since <= today]


def _candidates(models: list[int]) -> QuerySet[Blob]:
    """The bytes of these models that are not gone already."""
    versions = ModelVersion.objects.filter(model__in=models)
    sets = DataSet.objects.filter(version__in=versions)
    parts = DataPart.objects.filter(dataset__in=sets).values("blob_id")
    named = Q(pk__in=sets.values("blob_id")) | Q(pk__in=parts) | Q(pk__in=versions.values("artifact_id"))
    gone = StoredBytes.objects.filter(removed_at__isnull=False).values("pk")
    return Blob.objects.filter(named).exclude(pk__in=gone).order_by("pk")


def _judged(
    blob: Blob, rules: Retention, holds: list[LegalHold], ends: dict[int, date | None]
) -> Removable | None:
    if named_by_another(blob, besides=REMOVABLE):
        return None
    named = Q(artifact=blob) | Q(datasets__blob=blob) | Q(datasets__parts__blob=blob)
    versions = ModelVersion.objects.filter(named)
    models = list(RegisteredModel.objects.filter(versions__in=versions).distinct().order_by("key"))
    days = [_end(model, rules, holds, ends) for model in models]
    if not days or any(day is None for day in days):
        return None
    return Removable(blob, tuple(m.key for m in models), max(day for day in days if day is not None))


def relations(besides: frozenset[tuple[str, str]]) -> list[ManyToOneRel]:
    """Everything in whatever app that points to blobs, also without a way back, besides these."""
    found = Blob._meta.get_fields(include_hidden=True)
    return [
        each
        for each in found
        if isinstance(each, ManyToOneRel) and (each.related_model.__name__, each.field.name) not in besides
    ]


def named_by_another(blob: Blob, *, besides: frozenset[tuple[str, str]]) -> bool:
    """Whether anything besides these relations is these bytes, in whatever app."""
    others = (
        relation.related_model._base_manager.filter(**{relation.field.name: blob})
        for relation in relations(besides)
    )
    manifests = ModelVersion.objects.filter(manifest_digest=blob.pk)
    return any(rows.exists() for rows in (*others, manifests))


def _end(
    model: RegisteredModel, rules: Retention, holds: list[LegalHold], ends: dict[int, date | None]
) -> date | None:
    if model.pk not in ends:
        ends[model.pk] = None if _held(model, holds) else _retention_ends(model, rules)
    return ends[model.pk]


def _retention_ends(model: RegisteredModel, rules: Retention) -> date | None:
    retired = retired_on(model)
    if retired is None:
        return None
    return rules.ends([line.regime for line in regime_lines(model) if line.applies], retired)


def retired_on(model: RegisteredModel) -> date | None:
    """The day on which the last use ended; None while one goes on or where there never was any."""
    days = list(model.uses.values_list("retired_at", flat=True))
    return None if not days or None in days else max(day for day in days if day is not None).date()


def _held(model: RegisteredModel, holds: list[LegalHold]) -> bool:
    try:
        refuse_held(model=model.key, first=model.registered_at.date(), last=retired_on(model), holds=holds)
    except Refused:
        return True
    return False
