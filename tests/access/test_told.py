"""A role that no event tells of is none: what raw SQL writes does not outlive its transaction."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from apps.access.models import RoleGrant
from tests import factories

pytestmark = pytest.mark.django_db
WRITE = """INSERT INTO access_rolegrant (person_id, role, scope, scope_key, granted_at, reason)
VALUES (%s, 'validator', 'organisation', '', now(), 'forged')"""


def at_commit() -> None:
    """What a commit looks at."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_a_role_by_raw_sql_does_not_last() -> None:
    friend = factories.person("friend")
    at_commit()
    with connection.cursor() as cursor:
        cursor.execute(WRITE, [friend.pk])
    with pytest.raises(DatabaseError, match="no event tells of this role"):
        at_commit()


def test_a_role_that_was_given_lasts() -> None:
    person = factories.person("val", "validator")
    at_commit()
    assert RoleGrant.objects.filter(person=person).count() == 1
