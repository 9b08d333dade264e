"""Lists of models: who may read what, and how a long list becomes JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Person, RoleGrant
from apps.access.states import Permission, Scope
from apps.api import rendering
from apps.api.endpoints import answer
from apps.audit import commands as audit
from apps.audit.events import EventName
from apps.inventory.listing import model_page
from apps.inventory.models import BusinessUnit, ModelVersion, RegisteredModel, Tiering
from tests import factories
from tests.bench.goals import Goal, Side, compare
from tests.bench.measuring import FULL, PeerProblem, Ran, median, named, peer_job, seconds_of
from tests.bench.serving import peers_database
from tests.bench.table import Table
from tests.database import FreshDatabase
from tests.flows.bank import state_in

pytestmark = pytest.mark.bench
PART = "Lists of models"
MODELS, PEOPLE, UNITS, LONG = 100_000, 200, 200, 1_000
THEIR_PEOPLE = PEOPLE if FULL else 50  # each costs the peer a fifth of the models in rows
_NOTES = {
    "guardian_page": f"{THEIR_PEOPLE} people, the same columns",
    "drf_list": "the same rights and fields",
    "guardian_check": f"{THEIR_PEOPLE} people",
}
Row = TypeVar("Row", RegisteredModel, ModelVersion)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path) -> Iterator[Path]:
    """Keys and files of this run alone."""
    with state_in(tmp_path):
        yield tmp_path


def test_lists(table: Table, fresh_database: FreshDatabase) -> None:
    people = _fill()
    with psycopg.connect(fresh_database.url("owner"), autocommit=True) as owner:
        owner.execute("ANALYZE")  # as the server does by itself, a minute later
    with CaptureQueriesContext(connection) as log:
        page = model_page(people[0])
    assert len(page.rows) == 50
    assert len(log) <= 4
    ours, theirs, problem = _in_turns(people)
    for key, what, goal in (
        (
            "guardian_page",
            f"first 50 of {MODELS:,} models for each of {PEOPLE} people who may read a fifth of them: "
            f"rights, tier and newest version, {len(log)} statements",
            Goal(ratio=7, seconds=1e-3),
        ),
        (
            "drf_list",
            f"{LONG:,} models as JSON in one page, with rights, tier and newest version",
            Goal(ratio=8),
        ),
        (
            "guardian_check",
            f"may this person read this model? asked of {PEOPLE} people for the first time, 1 statement",
            Goal(ratio=6, seconds=1e-3),
        ),
    ):
        compare(
            table,
            part=PART,
            what=what,
            ours=Side(seconds=median(ours[key])),
            theirs=None
            if problem
            else Side(seconds=median([r.said["seconds"] for r in theirs[key]]), note=_NOTES[key]),
            peer=problem or theirs[key][0].said["peer"],
            goal=goal,
        )
    _page(table, people[0])


def _in_turns(people: list[Person]) -> tuple[dict[str, list[float]], dict[str, list[Ran]], str]:
    """Ours and the peers', three times each; why there are no peers, if there are none."""
    ours: dict[str, list[float]] = {name: [] for name in _NOTES}
    theirs: dict[str, list[Ran]] = {name: [] for name in ours}
    problem = ""
    with peers_database() as env:
        try:
            peer_job("site_fill", env=env)
            peer_job("guardian_fill", MODELS, THEIR_PEOPLE, env=env)
        except PeerProblem as found:
            problem = str(found)
        for _ in range(3):
            ours["guardian_page"].append(_each(people))
            ours["drf_list"].append(seconds_of(lambda: _long(people[0]), 3))
            ours["guardian_check"].append(_checks(people))
            for name, words in (("guardian_page", ()), ("drf_list", (LONG, 9)), ("guardian_check", ())):
                if not problem:
                    theirs[name].append(peer_job(name, *words, env=env))
    return ours, theirs, problem


def _page(table: Table, by: Person) -> None:
    """The page as a person sees it, beside the least that a database must do for it."""
    client = Client()
    client.force_login(by)
    client.get("/models")  # the first page of a process asks how the log stands
    with CaptureQueriesContext(connection) as log:
        assert client.get("/models").status_code == 200
    assert len(log) <= 12
    compare(
        table,
        part=PART,
        what=f"the whole HTML page of a signed-in person, {len(log)} statements",
        ours=Side(seconds=seconds_of(lambda: client.get("/models"), 9)),
        theirs=Side(seconds=seconds_of(_plain, 15)),
        peer=f"{named('Django')} values() of two columns, no rights, no tier, no page",
    )


def _plain() -> object:
    return list(RegisteredModel.objects.order_by("key").values("key", "title")[:50])


def _long(by: Person) -> None:
    """So many models as the JSON of the API."""
    page = model_page(by, size=LONG)
    assert len(page.rows) == LONG
    assert answer({"models": [rendering.model(m) for m in page.rows], "next": page.next}).content


def _checks(people: list[Person]) -> float:
    """One question of each person: whether they may read a model that they may."""
    models = {
        row.unit.key: row for row in RegisteredModel.objects.select_related("unit").order_by("-key")[:UNITS]
    }
    asked = [(person, models[person.grants.earliest("pk").scope_key]) for person in people]
    taken = []
    for person, model in [*asked[:5], *asked]:
        began = time.perf_counter()
        allowed = may(person, Permission.MODEL_SEE, model)
        taken.append(time.perf_counter() - began)
        assert allowed
    return median(taken[5:])


def _each(people: list[Person]) -> float:
    taken = []
    for person in [*people[:5], *people]:
        began = time.perf_counter()
        model_page(person)
        taken.append(time.perf_counter() - began)
    return median(taken[5:])


def _fill() -> list[Person]:
    """Models over two hundred units with a version and a tier each, copied from one that was registered."""
    version, head = factories.version(), factories.head()
    units = [BusinessUnit(key=f"unit-{n:03d}", title=f"Unit {n:03d}") for n in range(UNITS)]
    BusinessUnit.objects.bulk_create(units)
    rows = [
        _copy(version.model, key=f"model-{n:06d}", title=f"Model {n:06d}", unit_id=units[n % UNITS].pk)
        for n in range(MODELS)
    ]
    RegisteredModel.objects.bulk_create(rows, batch_size=2000)
    versions = [_copy(version, model_id=row.pk, digest=f"sha256:{n:064x}") for n, row in enumerate(rows)]
    ModelVersion.objects.bulk_create(versions, batch_size=2000)
    tiers = [
        Tiering(
            model=row,
            tier=1 + n % 4,
            rationale="for a measurement",
            assigned_by=head,
            statement_digest=f"sha256:{n:064x}",
        )
        for n, row in enumerate(rows)
    ]
    Tiering.objects.bulk_create(tiers, batch_size=2000)
    return _readers(units, head)


def _readers(units: list[BusinessUnit], by: Person) -> list[Person]:
    """Fifty people, each with a role over forty units."""
    people = [
        Person(username=f"reader-{n}", name=f"Reader {n}", identity=f"reader-{n}") for n in range(PEOPLE)
    ]
    Person.objects.bulk_create(people)
    with transaction.atomic():
        for number, person in enumerate(people):
            for unit in units[-number % 5 :: 5]:
                _granted(by, person, unit)
    return people


def _granted(by: Person, person: Person, unit: BusinessUnit) -> None:
    """A role with the event that tells of it, without which the database keeps none."""
    grant = RoleGrant.objects.create(
        person=person,
        role="auditor",
        scope=Scope.UNIT,
        scope_key=unit.key,
        granted_by=by,
        reason="for a measurement",
        valid_from=timezone.now(),
    )
    audit.record(by=by, action=EventName.ROLE_GRANTED, subject=grant, after={"role": grant.role})


def _copy(row: Row, **changes: object) -> Row:
    fields = [field for field in row._meta.concrete_fields if not field.primary_key and not field.generated]
    return type(row)(**{field.attname: getattr(row, field.attname) for field in fields} | changes)
