"""The lists that can be taken away as files: of each its columns, and for whom its people are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from apps.access.models import Person
from apps.inventory.queries import current_tier

Get = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name and how a row gives its value; a person is named or numbered by the reader."""

    name: str
    get: Get


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a list."""

    name: str
    columns: tuple[Column, ...]

    @property
    def head(self) -> list[str]:
        return [column.name for column in self.columns]

    def cells(self, row: Any, *, named: bool) -> Sequence[Any]:
        """A row's values; people by their user names, or where `named` is false by number alone."""
        return [_person(column.get(row), named=named) for column in self.columns]


def _person(value: Any, *, named: bool) -> Any:
    if not isinstance(value, Person):
        return value
    return value.username if named else f"person {value.pk}"


def _follow(path: str) -> Get:
    """The value at the end of dotted names; None as soon as one of them is not there."""
    names = path.split(".")

    def get(row: Any) -> Any:
        for name in names:
            row = row.get(name) if isinstance(row, dict) else getattr(row, name, None)
            if row is None:
                return None
        return row

    return get


def _table(name: str, *columns: str, **more: Get) -> Table:
    """A table from `name` or `name=path` for each column."""
    return Table(name, (*_columns(columns), *(Column(key, get) for key, get in more.items())))


def _columns(told: Sequence[str]) -> Iterator[Column]:
    for text in told:
        name, _, path = text.partition("=")
        yield Column(name, _follow(path or name))


_VERSION = ("model=version.model.key", "version=version.label", "use=use.key")

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table(
            "models",
            "key",
            "title",
            "kind",
            "domain",
            "jurisdictions",
            "vendor",
            "exposure_eur",
            "unit=unit.key",
            "owner",
            "registered_at",
            tier=current_tier,
        ),
        _table(
            "versions",
            "model=model.key",
            "version=label",
            "digest",
            "manifest_digest",
            "artifact=artifact_id",
            "artifact_format",
            "source_repository",
            "source_commit",
            "registered_by",
            "registered_at",
        ),
        _table(
            "runs",
            "id",
            *_VERSION,
            "purpose",
            "state",
            "gates_total",
            "gates_done",
            "seed",
            "attempt",
            "lost",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
            "cause",
        ),
        _table("decisions", "digest=statement_digest", *_VERSION, "purpose", "outcome", "decided_at"),
        _table(
            "approvals",
            "id",
            *_VERSION,
            "state",
            "decision=decision.statement_digest",
            "submitter",
            "limits",
            "opened_at",
            "closed_at",
            "expires_at",
            "statement=statement_digest",
        ),
        _table(
            "findings",
            "id",
            "model=model.key",
            "version=version.label",
            "gate",
            "title",
            "detail",
            "severity",
            "state",
            "owner",
            "due",
            "plan",
            "closure",
            "opened_at",
            "remediated_at",
            "closed_at",
        ),
        _table(
            "waivers",
            "id",
            *_VERSION,
            "gate",
            "finding=finding_id",
            "rationale",
            "compensating_control",
            "remediation_due",
            "requested_by",
            "granted_by",
            "valid_from",
            "valid_to",
            "statement=statement_digest",
        ),
        _table(
            "admissions",
            "id",
            "model=model_key",
            "version=version_label",
            "use",
            "environment",
            "outcome",
            "allowed",
            "asked_by",
            "asked_at",
            "expires_at",
            "statement=statement_digest",
        ),
        _table("uses", "model=model.key", "use=key", "title", "retired_at", "retired_by"),
        _table("attestations", "model=model.key", "person", "attested_at", "statement=statement_digest"),
        _table(
            "documents",
            *_VERSION,
            "document=key",
            "type",
            "digest=blob_digest",
            "signed_by",
            "given_by",
            "given_at",
            "statement=statement_digest",
        ),
        _table(
            "challenges",
            "id",
            "model=model.key",
            "version=version.label",
            "said",
            "thing",
            "about=thing_name",
            "answers=answers_id",
            "person",
            "text",
            "said_at",
            "statement=statement_digest",
        ),
        _table(
            "deployments",
            "id",
            "environment=environment.key",
            "slot",
            "running",
            "digest",
            "model=model_key",
            "version=version_label",
            "source",
            "since",
            "reported_by",
            "reported_at",
            "statement=statement_digest",
        ),
        _table(
            "break-glass",
            "id",
            *_VERSION,
            "environment=environment.key",
            "minutes",
            "ticket",
            "reason",
            "asked_by",
            "asked_at",
            "agreed_by=glass.granted_by",
            "valid_from=glass.valid_from",
            "valid_to=glass.valid_to",
            "ended_by=end.ended_by",
            "ended_at=end.ended_on",
            "finding=glass.finding_id",
            "statement=glass.statement_digest",
        ),
        _table(
            "reports",
            "id",
            "kind",
            "model=version.model.key",
            "version=version.label",
            "decision=decision.statement_digest",
            "digest=blob_id",
            "made_at",
            "statement=statement_digest",
        ),
        _table("costs", "month", "unit=unit_key", "runs", "cpu_seconds", "amount", "currency", "budget"),
        _table("people", "username", "name", "is_service", "is_active", "last_login", "date_joined"),
        _table(
            "grants", "person", "role", "scope", "scope_key", "valid_from", "valid_to", "granted_by", "reason"
        ),
        _table(
            "events",
            "index",
            "id",
            "action",
            "occurred_at",
            "actor=actor_id",
            "actor_name",
            "object=object_id",
            "object_name",
            "body=text",
        ),
    )
}
