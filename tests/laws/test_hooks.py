"""What stands below /hooks/ knows no role: whoever is signed in or holds a token proves nothing there."""

from __future__ import annotations

import uuid

import pytest
from django.urls import get_resolver

from tests.laws.routes import clients
from tests.standing import Standing

# Every address, and what it answers to whoever proves nothing.
ADDRESSES = {
    "kubernetes/<uuid:integration_id>": 401,
    "gatekeeper/<uuid:integration_id>": 401,
    "<slug:kind>/<uuid:integration_id>": 401,
}


def test_every_address_is_known_here() -> None:
    found = {str(pattern.pattern) for pattern in get_resolver("apps.api.hooks.urls").url_patterns}
    assert found == set(ADDRESSES)


@pytest.mark.parametrize("route", sorted(ADDRESSES))
def test_no_role_proves_anything_there(world: Standing, route: str) -> None:
    key = str(uuid.uuid4())
    place = "/hooks/" + route.replace("<slug:kind>", "github").replace("<uuid:integration_id>", key)
    found = {
        role: client.post(place, b"{}", content_type="application/json").status_code
        for role, client in clients(world).items()
    }
    assert set(found.values()) == {ADDRESSES[route]}, found
