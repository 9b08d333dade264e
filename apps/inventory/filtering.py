"""What the list of models can be filtered by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.access.held import Held
from apps.access.text import clean
from apps.audit.errors import Invalid
from apps.audit.past import clock
from apps.engine.determination import OUTCOMES
from apps.engine.policy.vocabulary import nearest
from apps.engine.regimes import known
from apps.inventory.models import (
    BusinessUnit,
    Determination,
    ModelDocument,
    ModelVersion,
    RegimeDecision,
    RegisteredModel,
    Tiering,
    Use,
)
from apps.inventory.states import ModelKind

MOST_WORDS = 8
TIERS = ("1", "2", "3", "4")
SCOPES = ("in", "out", "undecided")
DETERMINATIONS = (*OUTCOMES, "none", "due")
Models = QuerySet[RegisteredModel]


def filtered(rows: Models, filters: Mapping[str, str]) -> Models:
    """The rows that every filter lets through; Invalid for a filter or a value that there is not."""
    rows = rows.filter(_wanted(filters))
    for name, narrowed in _NARROWED.items():
        if name in filters:
            rows = narrowed(rows, filters[name], filters)
    return rows


_COLUMNS = {"kind": "kind", "domain": "domain", "unit": "unit__key", "owner": "owner__username"}
_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def _wanted(filters: Mapping[str, str]) -> Q:
    found = Q()
    for name, value in filters.items():
        text = clean(value, field=name, longest=300)
        if name == "q":
            found &= _searched(text)
        elif name == "vendor" and text.lower() in _TRUTH:
            found &= Q(vendor=_TRUTH[text.lower()])
        elif name in _COLUMNS:
            found &= Q(**{_COLUMNS[name]: text})
        elif name not in (*_NARROWED, "scope"):
            raise Invalid(f'"{name}" cannot be filtered by "{text}".', field=name)
    return found


def _searched(text: str) -> Q:
    """Every word must stand in the key, the title or the purpose."""
    found = Q()
    for word in text.lower().split()[:MOST_WORDS]:
        found &= Q(searched__contains=word)
    return found


def _of_tier(rows: Models, tier: str, _: Mapping[str, str]) -> Models:
    if tier not in TIERS:
        raise Invalid(f'"{tier}" is no tier; tiers are {", ".join(TIERS)}.', field="tier")
    newest = Tiering.objects.filter(model=OuterRef("pk")).order_by("-assigned_at", "-id")
    return rows.alias(newest_tier=Subquery(newest.values("tier")[:1])).filter(newest_tier=int(tier))


def _of_regime(rows: Models, regime: str, filters: Mapping[str, str]) -> Models:
    """By what was decided last of a regime; undecided counts as in scope."""
    if regime not in known():
        raise Invalid(f'There is no regime "{regime}".{nearest(regime, known())}', field="regime")
    scope = filters.get("scope") or "in"
    if scope not in SCOPES:
        raise Invalid(f'"{scope}" is no scope; it is one of {", ".join(SCOPES)}.', field="scope")
    mine = RegimeDecision.objects.filter(regime=regime).order_by("model_id", "-decided_at", "-id")
    newest = RegimeDecision.objects.filter(pk__in=mine.distinct("model_id").values("pk"))
    if scope == "undecided":
        return rows.exclude(pk__in=newest.values("model_id"))
    out = newest.filter(applies=False).values("model_id")
    return rows.filter(pk__in=out) if scope == "out" else rows.exclude(pk__in=out)


def _of_determination(rows: Models, wanted: str, _: Mapping[str, str]) -> Models:
    """By the newest determination; `none` where nobody made one, `due` where it must be made again."""
    if wanted not in DETERMINATIONS:
        known_words = ", ".join(DETERMINATIONS)
        raise Invalid(f'"{wanted}" is no determination; it is one of {known_words}.', field="determination")
    each = Determination.objects.order_by("model_id", "-determined_at", "-id").distinct("model_id")
    newest = Determination.objects.filter(pk__in=each.values("pk"))
    if wanted == "none":
        return rows.exclude(pk__in=newest.values("model_id"))
    due = Q(ask_again__lte=clock().date())
    return rows.filter(pk__in=newest.filter(due if wanted == "due" else Q(outcome=wanted)).values("model_id"))


def _lacking(rows: Models, part: str, _: Mapping[str, str]) -> Models:
    """Models whose entry lacks a part."""
    if part not in LACKING:
        raise Invalid(f'"{part}" is no part of an entry; it is one of {", ".join(LACKING)}.', field="missing")
    return rows.filter(LACKING[part])


LACKING: Mapping[str, Q] = {
    "purpose": Q(purpose=""),
    "limitations": Q(limitations=""),
    "use": ~Q(pk__in=Use.objects.filter(retired_at=None).values("model_id")),
    "tier": ~Q(pk__in=Tiering.objects.values("model_id")),
    "determination": ~Q(pk__in=Determination.objects.values("model_id")),
    "version": ~Q(pk__in=ModelVersion.objects.values("model_id")),
    "documents": ~Q(pk__in=ModelDocument.objects.values("model_id")),
}
_NARROWED: Mapping[str, Callable[[Models, str, Mapping[str, str]], Models]] = {
    "tier": _of_tier,
    "regime": _of_regime,
    "determination": _of_determination,
    "missing": _lacking,
}


def units_within(within: Held) -> QuerySet[BusinessUnit]:
    """The units of which somebody may see something, told without the models."""
    rows = BusinessUnit.objects.order_by("title")
    if within.everywhere:
        return rows
    single = RegisteredModel.objects.filter(key__in=within.models)
    used = Exists(RegisteredModel.objects.filter(unit=OuterRef("pk")))
    return rows.filter(Q(pk__in=within.units) & Q(used) | Q(pk__in=single.values("unit_id")))


def filter_choices(within: Held) -> dict[str, list[Any]]:
    """What the list can be filtered by, of what lies within."""
    return {
        "tiers": list(TIERS),
        "kinds": [str(kind) for kind in ModelKind],
        "units": list(units_within(within)),
        "regimes": list(known()),
        "scopes": list(SCOPES),
        "determinations": list(DETERMINATIONS),
        "lacking": list(LACKING),
    }
