"""The short way of a pipeline that reads its own answer again: the same bytes, the same walls."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.access import commands as access
from apps.access.models import ApiToken, Person
from apps.api import short
from apps.deploys import queries
from apps.deploys.commands import admit
from apps.deploys.models import Admission
from tests import factories

pytestmark = pytest.mark.django_db


def bearer(person: Person) -> tuple[ApiToken, dict[str, str]]:
    issuer = factories.person("token-admin", "administrator")
    token, raw = access.issue_token(by=issuer, person=person, name="poll", scopes=["admission.ask"])
    return token, {"Authorization": f"Bearer {raw}"}


def asked(by: Person) -> Admission:
    return admit(by=by, model="credit-pd", version="1", environment="nowhere")


def test_the_own_answer_is_one_statement_and_byte_for_byte(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)
    client.get(f"/api/v1/admissions/{admission.pk}", headers=headers)  # the first read checks the signature

    with django_assert_num_queries(1):
        response = client.get(f"/api/v1/admissions/{admission.pk}", headers=headers)

    assert (response.status_code, response.content) == (200, bytes(admission.answer))
    assert response.headers["Cache-Control"] == "private, no-store"


def test_strict_maps_the_deny_to_its_status(client: Client) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)

    assert client.get(f"/api/v1/admissions/{admission.pk}?strict=1", headers=headers).status_code == 403


def test_another_ones_answer_and_an_unknown_one_are_not_found(client: Client) -> None:
    admission = asked(factories.service())
    _, headers = bearer(factories.service("other-pipeline"))

    assert client.get(f"/api/v1/admissions/{admission.pk}", headers=headers).status_code == 404
    assert client.get(f"/api/v1/admissions/{uuid4()}", headers=headers).status_code == 404


def test_a_revoked_token_and_a_disabled_holder_get_nothing(client: Client) -> None:
    service = factories.service()
    admission, (token, headers) = asked(service), bearer(service)
    url = f"/api/v1/admissions/{admission.pk}"
    assert client.get(url, headers=headers).status_code == 200

    access.revoke_token(by=factories.person("token-admin"), token=token)
    assert client.get(url, headers=headers).status_code == 401

    _, fresh = bearer(service)
    access.disable_person(by=factories.administrator(), person=service, reason="for a test")
    assert client.get(url, headers=fresh).status_code == 401


ADDRESS = "/api/v1/admissions/{}"


def shown(response: HttpResponseBase) -> dict[str, str]:
    return {name: value for name, value in response.items() if name != "X-Request-ID"}


@pytest.mark.parametrize("query", ["", "?strict=0", "?strict=1"])
def test_the_short_way_and_the_long_one_say_the_same(client: Client, query: str) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)
    address = ADDRESS.format(admission.pk) + query
    quick = client.get(address, headers=headers)
    long = client.get(address, headers=headers | {"Cookie": "theme=dark"})
    assert (quick.status_code, quick.content, shown(quick)) == (long.status_code, long.content, shown(long))
    assert quick.resolver_match.route == long.resolver_match.route


def test_a_foreign_host_gets_nothing_by_the_short_way(client: Client) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)
    response = client.get(ADDRESS.format(admission.pk), headers=headers | {"Host": "elsewhere.example"})
    assert (response.status_code, b"statement" in response.content) == (400, False)


def test_another_answer_than_the_sealed_one_is_refused_by_both_ways(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = factories.service()
    admission, (_, headers) = asked(service), bearer(service)
    forged = bytes(admission.answer).replace(b'"allowed": false', b'"allowed": true')
    assert forged != bytes(admission.answer)
    for module in (short, queries):
        monkeypatch.setattr(module, "own_answer", lambda *_: forged)
    assert client.get(ADDRESS.format(admission.pk), headers=headers).status_code == 503
