"""Statements written once: other values each time, and none of them is read as SQL."""

from __future__ import annotations

import pytest
from django.db.models import BigIntegerField, CharField

from apps.access.models import Person
from apps.audit.composed import Among, Composed, Slot
from tests import factories

pytestmark = pytest.mark.django_db


def test_it_is_written_once_and_runs_with_other_values():
    written = []
    people = [factories.person(name) for name in ("ann", "bob")]

    def rows():
        written.append(1)
        found = Person.objects.filter(Among("pk", Slot("ids", BigIntegerField())))
        return found.order_by("pk").values_list("username", flat=True)

    composed = Composed(rows)
    assert composed.all(ids=[row.pk for row in people]) == [("ann",), ("bob",)]
    assert composed.all(ids=[people[1].pk]) == [("bob",)]
    assert composed.all(ids=[]) == []
    assert written == [1]


@pytest.mark.parametrize("name", ["'; DROP TABLE x --", "%s", "{a,b}", '"', "ann,bob"])
def test_a_value_is_never_sql(name):
    factories.person("ann")
    one = Composed(lambda: Person.objects.filter(username=Slot("name", CharField())).values_list("pk"))
    many = Composed(lambda: Person.objects.filter(Among("username", Slot("names", CharField()))).values("pk"))
    assert not one.any(name=name)
    assert not many.any(names=[name])
    assert many.any(names=[name, "ann"])
