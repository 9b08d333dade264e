"""What belongs in a pack: the events, statements and reports of a model, of a time, or of everything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Max, Min, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from apps.access.models import Person
from apps.approvals.models import SignOff
from apps.approvals.queries import visible_signoffs
from apps.audit.errors import Invalid, Refused
from apps.audit.events import EventName
from apps.audit.models import Event, Leaf, Statement
from apps.engine.canonical import rfc3339
from apps.engine.verify_pack import named_statements
from apps.gates.queries import PROPOSAL, RELEASE
from apps.inventory.models import RegisteredModel
from apps.inventory.queries import find_model
from apps.reports.models import Report

OURS = ("inventory", "gates", "approvals", "reports", "deploys")
FOR_ALL = (PROPOSAL, RELEASE)  # policies are everybody's, whatever model they were tried on
_DEEPEST = 4
_CHUNK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PackScope:
    """A model; a time, from one moment to before another; or, with neither, everything."""

    model: RegisteredModel | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def name(self) -> str:
        if self.model is not None:
            return f"model {self.model.key}"
        if self.since is None or self.until is None:
            return "portfolio"
        return f"period {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d}"

    def told(self) -> dict[str, str]:
        """As the manifest says it."""
        if self.model is not None:
            return {"kind": "model", "model": self.model.key}
        if self.since is None or self.until is None:
            return {"kind": "portfolio"}
        return {"kind": "period", "since": rfc3339(self.since), "until": rfc3339(self.until)}


def asked_scope(by: Person, told: Mapping[str, Any]) -> PackScope:
    """The scope that a request names: a model, two days, or neither."""
    since, until = _day(told, "from"), _day(told, "to")
    if told.get("model"):
        if since or until:
            raise Invalid("A pack is of a model or of a time, not of both.", field="from" if since else "to")
        return PackScope(model=find_model(by, str(told["model"])))
    if since is None and until is None:
        return PackScope()
    if since is None or until is None:
        raise Invalid("A time needs both a first and a last day.", field="to" if since else "from")
    return PackScope(since=since, until=until + timedelta(days=1))


def _day(told: Mapping[str, Any], name: str) -> datetime | None:
    text = told.get(name)
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(str(text)), time(), UTC)
    except ValueError:
        raise Invalid(f"“{text}” is no day; write it as 2027-03-31.", field=name) from None


@dataclass(slots=True)
class PackContents:
    """The indexes of the events that are told, the statements by digest, and what those name elsewhere."""

    events: list[int]
    statements: list[str]
    outside: list[str]


def contents_of(scope: PackScope, by: Person, size: int) -> PackContents:
    """What a pack holds of the first `size` events, for somebody who may export it."""
    chosen = _Chosen(size, blind=blind_signoffs(by))
    if scope.model is not None:
        chosen.take_events(model_events(scope.model))
        chosen.take(model_statements(scope.model))
    elif scope.since is not None and scope.until is not None:
        chosen.take_span(*_span(scope.since, scope.until, size))
    else:
        chosen.take_span(0, size)
    chosen.take_events(Event.objects.filter(action__startswith="key."))
    chosen.take_events(Event.objects.filter(action=EventName.EPOCH_OPENED))
    return chosen.closed(whole=scope.model is None)


def blind_signoffs(by: Person) -> frozenset[str]:
    """Sign-offs that this person may not read yet: neither they nor their events are in a pack."""
    seen = visible_signoffs(by).values("pk")
    return frozenset(SignOff.objects.exclude(pk__in=seen).values_list("statement_digest", flat=True))


def _span(since: datetime, until: datetime, size: int) -> tuple[int, int]:
    rows = Leaf.objects.filter(idx__lt=size, event__occurred_at__gte=since, event__occurred_at__lt=until)
    found = rows.aggregate(first=Min("idx"), last=Max("idx"))
    if found["first"] is None:
        raise Invalid("There is no event in this time.", field="until")
    return found["first"], found["last"] + 1


@dataclass(slots=True)
class _Chosen:
    """Events and statements as they are gathered."""

    size: int
    blind: frozenset[str]
    events: set[int] = field(default_factory=set)
    statements: set[str] = field(default_factory=set)

    def take_span(self, begin: int, end: int) -> None:
        self.events |= set(range(begin, end))
        rows = Statement.objects.filter(event__leaf__idx__gte=begin, event__leaf__idx__lt=end)
        self.statements |= set(rows.values_list("digest", flat=True))

    def take_events(self, rows: QuerySet[Event]) -> None:
        found = Leaf.objects.filter(idx__lt=self.size, event__in=rows.order_by().values("pk"))
        self.events |= set(found.values_list("idx", flat=True))
        sealed = Statement.objects.filter(event__in=rows.order_by().values("pk"))
        self.statements |= set(sealed.values_list("digest", flat=True))

    def take(self, digests: Iterable[str]) -> None:
        self.statements |= set(digests)

    def closed(self, *, whole: bool) -> PackContents:
        """With every statement that these rest on, as far as it is this pack's to tell, and their events."""
        outside: set[str] = set()
        left, told = self.statements - self.blind, set[str]()
        while left:
            rows = _sealed(left, self.size)
            outside |= left - rows.keys()
            told |= rows.keys()
            named = {name for row in rows.values() for name in row[1]}
            left = self._next(named - told - outside, outside, whole=whole)
        self.events -= _events_of(self.blind, self.size)
        self.events |= _events_of(told, self.size)
        return PackContents(sorted(self.events), sorted(told), sorted(outside - told))

    def _next(self, named: set[str], outside: set[str], *, whole: bool) -> set[str]:
        rows = Statement.objects.filter(digest__in=named - self.blind)
        ours = rows if whole else rows.filter(predicate_type__in=FOR_ALL)
        found = set(ours.values_list("digest", flat=True))
        outside |= named - found
        return found


def _sealed(digests: Iterable[str], size: int) -> dict[str, tuple[str, set[str]]]:
    """By digest, the type of each statement that the log holds by now, and the statements that it names."""
    found: dict[str, tuple[str, set[str]]] = {}
    for part in _parts(digests):
        rows = Statement.objects.filter(digest__in=part, event__leaf__idx__lt=size)
        for key, kind, payload in rows.values_list("digest", "predicate_type", "payload"):
            found[key] = kind, set(named_statements(json.loads(bytes(payload))["predicate"]))
    return found


def _events_of(digests: Iterable[str], size: int) -> set[int]:
    found: set[int] = set()
    for part in _parts(digests):
        rows = Leaf.objects.filter(idx__lt=size, event__statements__digest__in=part)
        found |= set(rows.values_list("idx", flat=True))
    return found


def _parts(digests: Iterable[str]) -> Iterator[list[str]]:
    every = sorted(digests)
    for at in range(0, len(every), _CHUNK):
        yield every[at : at + _CHUNK]


# --- What belongs to a model -----------------------------------------------------------------------------


@cache
def paths_to_model() -> dict[str, str]:
    """By the label of each table whose rows belong to a model, the shortest way from there to the model."""
    found = {"inventory.RegisteredModel": "pk"}
    tables = [table for name in OURS for table in apps.get_app_config(name).get_models()]
    for table in tables:
        path = _path(table)
        if path and hasattr(table, "audit_ref"):
            found[table._meta.label] = path
    return found


def _path(table: type[Model]) -> str:
    ways: list[tuple[str, type[Model]]] = [("", table)]
    for _ in range(_DEEPEST):
        ways = [step for prefix, here in ways for step in _steps(prefix, here)]
        for path, there in ways:
            if there is RegisteredModel:
                return path
    return ""


def _steps(prefix: str, table: type[Model]) -> Iterator[tuple[str, type[Model]]]:
    for one in table._meta.concrete_fields:
        there = one.related_model if one.is_relation else None
        if isinstance(there, type) and there._meta.app_label in OURS:
            yield f"{prefix}__{one.name}" if prefix else one.name, there


def _rows(model: RegisteredModel) -> Iterator[tuple[str, QuerySet[Any]]]:
    for label, path in paths_to_model().items():
        rows = apps.get_model(label).objects.filter(**{path: model.pk}).order_by()
        first = rows.first()
        if first is not None:
            yield first.audit_ref().type, rows


def model_events(model: RegisteredModel) -> QuerySet[Event]:
    """Every event about the model or about anything that belongs to it."""
    wanted = Q(pk=None)
    for kind, rows in _rows(model):
        ids = rows.annotate(_ref=Cast("pk", TextField())).values("_ref")
        wanted |= Q(object_type=kind, object_id__in=ids)
    return Event.objects.filter(wanted)


def model_statements(model: RegisteredModel) -> set[str]:
    """Every statement that a row of the model names as its own, or that is about one of its versions."""
    found: set[str] = set()
    for _, rows in _rows(model):
        if any(one.name == "statement_digest" for one in rows.model._meta.concrete_fields):
            found |= set(rows.exclude(statement_digest="").values_list("statement_digest", flat=True))
    for digest in model.versions.values_list("digest", flat=True):
        about = Statement.objects.filter(subjects__contains=[digest])
        found |= set(about.values_list("digest", flat=True))
    return found


def scope_reports(scope: PackScope, digests: Iterable[str]) -> list[Report]:
    """The reports whose statements are in the pack."""
    rows = Report.objects.filter(statement_digest__in=list(digests))
    if scope.model is not None:
        rows = rows.filter(version__model=scope.model)
    return list(rows.select_related("version__model", "blob").order_by("made_at", "pk"))


def refuse_large(found: PackContents, most: int) -> None:
    """Refused where a page or an endpoint would work too long."""
    weight = len(found.events) + len(found.statements)
    if weight > most:
        raise Refused(
            f"This pack holds {weight} events and statements; here at most {most} are packed. "
            "Choose less, or make it on the server: manage.py auditor_pack.",
            code="too_large",
        )
