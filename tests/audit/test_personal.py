"""Whoever is erased is found nowhere any more, and the log still verifies."""

from __future__ import annotations

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection

from apps.access import commands as access
from apps.access.models import Person, SignInAttempt
from apps.access.throttle import account_of
from apps.approvals import commands as approvals
from apps.audit import queries
from apps.audit.context import Context, surrounded
from apps.audit.errors import Forbidden, Refused
from apps.audit.models import Event, Personal, Statement
from apps.engine.canonical import canonical
from apps.engine.merkle import leaf_hash
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing, standing_bank, world

__all__ = ["standing_bank", "world"]

NAME, MAIL, HANDLE, ADDRESS = "Zebulon Quackenbush", "zeb@quackenbush.example", "zebq", "203.0.113.77"
TEXTS = ("text", "character varying", "jsonb", "json", "bytea", "inet", "character")
_COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_schema = 'public' AND data_type = ANY(%s) ORDER BY 1, 2
"""


def found_in(needle: str) -> list[str]:
    """Every column of the database that holds a text, in any table and in any form."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [list(TEXTS)])
        return [
            f"{table}.{column}"
            for table, column, kind in cursor.fetchall()
            if _holds(cursor, table, column, kind, needle)
        ]


def _holds(cursor, table: str, column: str, kind: str, needle: str) -> bool:
    name, rows = connection.ops.quote_name(column), connection.ops.quote_name(table)
    where = f"position(%s::bytea IN {name})" if kind == "bytea" else f"strpos(lower({name}::text), %s)"
    value = needle.encode() if kind == "bytea" else needle.lower()
    question = f"SELECT EXISTS (SELECT FROM {rows} WHERE {where} > 0)"  # noqa: S608 - the catalogue's names
    cursor.execute(question, [value])
    return bool(cursor.fetchone()[0])


@pytest.fixture
def zebulon(world: Standing) -> Person:
    """Somebody who did much: signed, talked, found, was given a role and a token, signed in, was refused."""
    person = factories.person(HANDLE, "validator", name=NAME, email=MAIL)
    with surrounded(Context(request_id="r", ip=ADDRESS)):
        access.sign_in(username=HANDLE, password=factories.PASSWORD, address=ADDRESS)
        with pytest.raises(Forbidden):
            access.sign_in(username=HANDLE, password="wrong", address=ADDRESS)
        bank.signed(world.waiting, person)
        approvals.comment(by=person, approval=world.waiting, text="Seen.")
        approvals.open_finding(
            by=person, model=world.granted.version.model, title="Leak", severity="low", due=bank.in_days(9)
        )
    session = SessionStore()
    session["_auth_user_id"] = str(person.pk)
    session["typed"] = NAME
    session.create()
    answered(person)
    return person


def answered(person: Person) -> None:
    """An answer that the service keeps for a repetition, with the name in it."""
    asker = Asker()
    asker.client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    body = {"model": "credit-pd", "title": "Again", "severity": "low", "due": str(bank.in_days(9))}
    assert asker.post("/findings", body, key="k-1").status_code in (201, 403)
    access.begin_idempotent(by=factories.head(), key="k-2", fingerprint="x")
    access.finish_idempotent(
        by=factories.head(), key="k-2", status=200, body=f'{{"name": "{NAME}"}}'.encode()
    )


def test_before_the_erasure_the_name_is_where_it_belongs(zebulon: Person) -> None:
    assert set(found_in("Quackenbush")) == {
        "access_idempotentrequest.body",
        "access_person.email",
        "access_person.name",
        "audit_personal.value",
    }
    assert "audit_personal.value" in found_in(ADDRESS)


def test_after_it_nothing_of_the_person_is_found_and_the_log_verifies(zebulon: Person) -> None:
    leaves = {e.pk: bytes(e.leaf_hash) for e in Event.objects.all()}
    handle = account_of(HANDLE)
    access.erase_person(by=factories.administrator(), person=zebulon, reason="Art. 17, request 12")
    for needle in (NAME, "Quackenbush", MAIL, ADDRESS):
        assert found_in(needle) == [], needle
    assert not SignInAttempt.objects.filter(account=handle).exists()
    assert not any(NAME in str(s.get_decoded()) for s in Session.objects.all())
    for event in Event.objects.all():
        assert leaf_hash(bytes(event.body)) == leaves.get(event.pk, bytes(event.leaf_hash))
        assert canonical(event.doc) == bytes(event.body)
    for digest in Statement.objects.values_list("digest", flat=True):
        assert queries.read_statement(digest)


def test_the_event_says_so_and_the_trail_shows_that_somebody_is_missing(zebulon: Person) -> None:
    access.erase_person(by=factories.administrator(), person=zebulon, reason="asked")
    told = Event.objects.get(action="person.erased")
    assert told.doc["after"]["erased"] > 5
    assert told.doc["reason"] == "asked"
    signed = Event.objects.filter(action="signoff.given", actor_id=str(zebulon.pk)).latest("occurred_at")
    (shown,) = queries.told([signed])
    assert shown.actor == queries.ERASED
    assert shown.ip == ""


def test_the_account_ends_with_its_person(zebulon: Person) -> None:
    access.erase_person(by=factories.administrator(), person=zebulon, reason="asked")
    zebulon.refresh_from_db()
    assert (zebulon.is_active, zebulon.email, zebulon.name) == (False, "", "(erased)")
    assert zebulon.username == f"erased-{zebulon.pk}"
    assert not zebulon.tokens.filter(revoked_at=None).exists()
    with pytest.raises(Forbidden):
        access.sign_in(username=HANDLE, password=factories.PASSWORD, address="198.51.100.1")
    with pytest.raises(Refused, match="erased before"):
        access.erase_person(by=factories.administrator(), person=zebulon, reason="again")


def test_only_an_administrator_erases_and_nobody_erases_themselves(zebulon: Person, capsys) -> None:
    with pytest.raises(Forbidden):
        access.erase_person(by=factories.head(), person=zebulon, reason="asked")
    with pytest.raises(CommandError, match="cannot erase yourself"):
        call_command("erase_person", "admin", "--by", "admin", "--reason", "asked")
    call_command("erase_person", HANDLE, "--by", "admin", "--reason", "asked")
    assert f"erased-{zebulon.pk}" in capsys.readouterr().out
    assert not Personal.objects.filter(person_id=str(zebulon.pk)).exists()
