from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from governance.outage import failed


def _away(request: HttpRequest) -> HttpResponse:
    raise {"operational": OperationalError, "interface": InterfaceError, "other": ValueError}[
        request.path.rpartition("/")[2]
    ]("the connection is closed")


handler500 = failed
urlpatterns = [
    path(f"{area}/{kind}", _away)
    for area in ("api", "models")
    for kind in ("operational", "interface", "other")
]


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("kind", ["operational", "interface"])
def test_a_page_says_that_the_database_is_away(client: Client, kind: str):
    response = client.get(f"/models/{kind}")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "The database did not answer" in response.text


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("kind", ["operational", "interface"])
def test_an_endpoint_says_so_in_a_problem_document(client: Client, kind: str):
    response = client.get(f"/api/{kind}")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["status"], response.headers["Retry-After"]) == (
        503,
        503,
        "5",
    )


@pytest.mark.urls(__name__)
def test_any_other_error_stays_an_error(client: Client):
    response = client.get("/models/other")
    assert response.status_code == 500
    assert "Retry-After" not in response.headers


def test_the_service_answers_so():
    from governance import urls

    assert urls.handler500 is failed
