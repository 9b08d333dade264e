"""The short way of the one address that pipelines poll: an answer of the deploy gate, by its own asker.

Sessions, cookies, forgery, messages and the search among all addresses have no part in such a request, and
would take longer than the answer itself. Whatever is not exactly this request goes the long way, which also
answers whatever is refused; both ways give the same bytes, the same status and the same headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import ResolverMatch, resolve

from apps.api.problems import ApiProblem
from apps.api.views.admissions import stored
from apps.deploys.queries import own_answer

Handler = Callable[[HttpRequest], HttpResponseBase]

_ADDRESS = re.compile(r"/api/v1/admissions/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_QUERIES = ("", "strict=0", "strict=1")


def short_way(get_response: Handler) -> Handler:
    """Stands after what guards and describes every request, and before what only people's pages need."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        return _answered(request) or get_response(request)

    return handle


def _answered(request: HttpRequest) -> HttpResponseBase | None:
    meta = request.META
    found = _ADDRESS.fullmatch(request.path_info)
    scheme, _, raw = meta.get("HTTP_AUTHORIZATION", "").partition(" ")
    plain = "HTTP_COOKIE" not in meta and meta.get("QUERY_STRING", "") in _QUERIES
    if found is None or not plain or request.method != "GET" or scheme.lower() != "bearer":
        return None
    request.get_host()  # refused where the host is not one of ours
    admission_id = UUID(found[1])
    answer = own_answer(raw.strip(), admission_id)
    if answer is None:
        return None
    try:
        response = stored(request, admission_id, answer)
    except ApiProblem:
        return None
    request.resolver_match = _match(request.path_info.removesuffix(found[1]))
    response.headers["Vary"] = "Cookie"
    response.headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
    response.headers["Content-Length"] = str(len(response.content))
    return response


@cache
def _match(folder: str) -> ResolverMatch:
    """What the search among the addresses would find, for those who count requests by address."""
    found = resolve(f"{folder}{UUID(int=0)}")
    return ResolverMatch(found.func, (), {}, route=found.route)
