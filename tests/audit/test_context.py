from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from apps.audit.context import Context, authenticated, current, middleware, surrounded


def test_a_request_surrounds_what_happens_in_it():
    seen = []

    def view(request):
        authenticated(method="password", age_seconds=3)
        seen.append(current())
        return HttpResponse()

    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9")
    request.META["REQUEST_ID"] = "abc"
    middleware(view)(request)
    assert seen == [
        Context(request_id="abc", ip="192.0.2.9", auth_method="password", auth_age_seconds=3, mfa=None)
    ]
    assert current() == Context()


def test_a_request_without_an_id_gets_one():
    seen = []

    def view(request):
        seen.append(current().request_id)
        return HttpResponse()

    middleware(view)(RequestFactory().get("/"))
    assert len(seen[0]) == 32


def test_an_error_does_not_leave_the_context_behind():
    with pytest.raises(ZeroDivisionError), surrounded(Context(request_id="x")):
        _ = 1 / 0
    assert current() == Context()


def test_what_is_not_known_is_not_said():
    assert Context(auth_method="token").auth() == {"method": "token"}
    assert Context().auth() == {}
