"""What the rows say of the entries of some models, in two statements however many models there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from django.db.models import (
    BigIntegerField,
    Count,
    DateTimeField,
    Exists,
    F,
    Func,
    JSONField,
    OuterRef,
    QuerySet,
    Subquery,
)

from apps.approvals.models import Approval, Attestation, Finding
from apps.approvals.states import ApprovalState, FindingState
from apps.audit.composed import Among, Composed, Slot
from apps.audit.past import clock
from apps.gates.models import Decision, Schedule
from apps.gates.states import Purpose
from apps.inventory.models import (
    Determination,
    ModelDocument,
    ModelVersion,
    RegisteredModel,
    Tiering,
    Use,
    VendorReview,
)


class Owner(Protocol):
    """Who answers for a model."""

    @property
    def is_active(self) -> bool: ...


class Entry(Protocol):
    """A model as its row tells it, or as a list shows it."""

    @property
    def pk(self) -> Any: ...
    @property
    def purpose(self) -> str: ...
    @property
    def limitations(self) -> str: ...
    @property
    def vendor(self) -> bool: ...
    @property
    def owner(self) -> Owner: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the rows say of one model."""

    model: Entry
    today: date
    used: bool
    tier: int | None
    ask_again: date | None
    # Of the newest version's manifest: intended, population, sources, sets; nothing without a version.
    told: Mapping[str, Any] | None
    approved: bool
    monitored: bool
    attested_on: date | None
    reviewed: bool
    open_findings: int
    # Of the newest decision for an approval.
    outcome: str
    # Kinds of documents of which one is in force, and of which one has run out.
    in_force: set[str] = field(default_factory=set)
    expired: set[str] = field(default_factory=set)

    @property
    def intended(self) -> bool:
        """Whether the newest version says for whom and what it is."""
        return bool(self.told and (self.told["intended"] or self.told["population"]))

    @property
    def sourced(self) -> bool:
        """Whether every data set of the newest version says where it comes from."""
        if not self.told or not self.told["sets"]:
            return False
        return len(self.told["sources"]) == self.told["sets"] and all(self.told["sources"])


class _Told(Func):
    """Four things of a manifest, so that not all of it is sent and read."""

    template = """jsonb_build_object(
        'intended', %(expressions)s #> '{spec,intended_use}',
        'population', %(expressions)s #> '{spec,population}',
        'sources', jsonb_path_query_array(%(expressions)s, '$.spec.datasets.*.source'),
        'sets', jsonb_array_length(jsonb_path_query_array(%(expressions)s, '$.spec.datasets.*')))"""


_IDS, _NOW = Slot("ids", BigIntegerField()), Slot("now", DateTimeField())
_MINE = OuterRef("pk")


def _newest(rows: QuerySet[Any], time: str, column: Any) -> Subquery:
    mine = rows.filter(model=_MINE, **{f"{time}__lte": _NOW}).order_by(f"-{time}", "-id")
    return Subquery(mine.values_list(column)[:1])


def _rows() -> QuerySet[RegisteredModel, Any]:
    approvals = Approval.objects.filter(use__model=_MINE, use__retired_at=None, expires_at__gt=_NOW)
    decisions = Decision.objects.filter(version__model=_MINE, purpose=Purpose.APPROVAL)
    findings = Finding.objects.filter(model=_MINE).exclude(state=FindingState.CLOSED).order_by()
    return RegisteredModel.objects.filter(Among("pk", _IDS)).values_list(
        "pk",
        Exists(Use.objects.filter(model=_MINE, retired_at=None)),
        _newest(Tiering.objects.all(), "assigned_at", "tier"),
        _newest(Determination.objects.all(), "determined_at", "ask_again"),
        _newest(ModelVersion.objects.all(), "registered_at", _Told(F("manifest"), output_field=JSONField())),
        Exists(approvals.filter(state=ApprovalState.GRANTED)),
        Exists(Schedule.objects.filter(use__model=_MINE, ended_at=None)),
        _newest(Attestation.objects.all(), "attested_at", "attested_at"),
        Exists(VendorReview.objects.filter(model=_MINE)),
        Subquery(findings.values("model").values_list(Count("pk"))),
        Subquery(decisions.order_by("-decided_at", "-id").values_list("outcome")[:1]),
    )


def _documents() -> QuerySet[ModelDocument, Any]:
    rows = ModelDocument.objects.filter(Among("model_id", _IDS), registered_at__lte=_NOW)
    newest = rows.order_by("model_id", "kind", "title", "-registered_at", "-id")
    return newest.distinct("model_id", "kind", "title").values_list("model_id", "kind", "expires_on")


_ROWS, _DOCUMENTS = Composed(_rows), Composed(_documents)


def known_of(models: Sequence[Entry]) -> dict[int, Known]:
    """What the rows say of each of these models, by its key."""
    now, by_key = clock(), {int(model.pk): model for model in models}
    if not by_key:
        return {}
    slots = {"ids": list(by_key), "now": now}
    found = {row[0]: _known(by_key[row[0]], now.date(), row[1:]) for row in _ROWS.all(**slots)}
    for pk, kind, expires_on in _DOCUMENTS.all(**slots):
        run_out = expires_on is not None and expires_on <= now.date()
        (found[pk].expired if run_out else found[pk].in_force).add(kind)
    return found


def _known(model: Entry, today: date, row: tuple[Any, ...]) -> Known:
    used, tier, ask_again, told, approved, monitored, attested, reviewed, findings, outcome = row
    return Known(
        model=model,
        today=today,
        used=used,
        tier=tier,
        ask_again=ask_again,
        told=None if told is None else json.loads(told),
        approved=approved,
        monitored=monitored,
        attested_on=None if attested is None else attested.date(),
        reviewed=reviewed,
        open_findings=findings or 0,
        outcome=outcome or "",
    )
