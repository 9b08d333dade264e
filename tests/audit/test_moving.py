from __future__ import annotations

import itertools

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from apps.audit.commands import move
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Event
from tests.audit.people import ADA, RELAY
from tests.audit.ticket import MOVES

pytestmark = pytest.mark.django_db
CLAIMED = EventName.RUN_CLAIMED


def test_a_move_changes_the_row_and_tells_of_it(tickets):
    ticket = move(tickets.objects.create(), "held", by=RELAY, event=CLAIMED, worker="w1")
    assert (ticket.state, ticket.worker) == ("held", "w1")
    assert tickets.objects.get().state == "held"
    doc = Event.objects.get().doc
    assert doc["before"] == {"state": "open", "worker": ""}
    assert doc["after"] == {"state": "held", "worker": "w1"}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(MOVES, MOVES)))
def test_exactly_the_moves_of_the_table_are_possible(tickets, old, new):
    ticket = tickets.objects.create()
    if old != "open":
        move(ticket, old, by=ADA, event=CLAIMED)
    if new in MOVES[old]:
        assert move(ticket, new, by=ADA, event=CLAIMED).state == new
    else:
        with pytest.raises(Refused, match=f"is {old}; it cannot become {new}"):
            move(ticket, new, by=ADA, event=CLAIMED)
        if new != old:
            with pytest.raises(IntegrityError, match="is not allowed"), transaction.atomic():
                tickets.objects.filter(pk=ticket.pk).update(state=new)


def test_of_two_who_saw_the_same_state_one_is_refused(tickets):
    first = tickets.objects.create()
    second = tickets.objects.get()
    move(first, "closed", by=ADA, event=CLAIMED)
    with pytest.raises(Refused, match="somebody else moved it first"):
        move(second, "held", by=ADA, event=CLAIMED)
    assert second.state == "open"
    assert Event.objects.count() == 1


def test_a_condition_fences_the_move(tickets):
    ticket = tickets.objects.create(worker="w2")
    with pytest.raises(Refused, match="no longer open"):
        move(ticket, "held", by=RELAY, event=CLAIMED, where={"worker": "w1"})
    assert move(ticket, "held", by=RELAY, event=CLAIMED, where={"worker": "w2"}).state == "held"


def test_a_refused_move_leaves_the_transaction_usable(tickets):
    ticket = tickets.objects.create()
    with transaction.atomic():
        tickets.objects.filter(pk=ticket.pk).update(state="closed")
        with pytest.raises(Refused):
            move(ticket, "held", by=ADA, event=CLAIMED)
        tickets.objects.create()
    assert tickets.objects.count() == 2


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("INSERT INTO scratch_ticket (state, worker) VALUES ('closed', '')", "a row begins as open"),
        ("DELETE FROM scratch_ticket", "written once"),
        ("TRUNCATE scratch_ticket", "written once"),
    ],
)
def test_rows_begin_at_the_beginning_and_stay(tickets, statement, refusal):
    with pytest.raises(IntegrityError, match=refusal), transaction.atomic():
        _run("cs_owner", statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE scratch_fact SET text = ''", "DELETE FROM scratch_fact", "TRUNCATE scratch_fact"]
)
def test_facts_are_written_once(tickets, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        _run("cs_app", statement)
    with pytest.raises(IntegrityError, match="written once"), transaction.atomic():
        _run("cs_owner", statement)


def _run(role: str, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {role}")
        cursor.execute(statement)
