"""The Django admin: opened by a role, closed to everybody else, read-only on what commands write."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in(username: str, role: str) -> Client:
    client = Client()
    client.force_login(factories.person(username, role), backend=BACKEND)
    return client


def test_an_administrator_sees_people_and_grants() -> None:
    client = signed_in("second-admin", "administrator")

    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/access/person/").status_code == 200
    assert client.get("/admin/access/rolegrant/").status_code == 200


@pytest.mark.parametrize("role", ["developer", "validator", "risk-officer", "auditor"])
def test_others_are_sent_away(role: str) -> None:
    assert signed_in("somebody", role).get("/admin/").status_code == 302


def test_nobody_is_deleted_there() -> None:
    person = factories.developer()
    client = signed_in("second-admin", "administrator")

    assert client.post(f"/admin/access/person/{person.pk}/delete/", {"post": "yes"}).status_code == 403
