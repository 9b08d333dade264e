"""Answers as of a second: `?at=2026-03-01T12:00:00Z` on what lists and shows the facts."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from apps.api.problems import ApiProblem
from apps.audit.past import moment, reading
from apps.engine.canonical import rfc3339

PARAMETER = ("at", "string, a second such as 2026-03-01T12:00:00Z: the answer as it was then")
HEADER = "Countersign-As-Of"
_NOUNS = (
    "models|uses|runs|decisions|evidence|approvals|findings|waivers|attestations|admissions|answers|"
    "events|policies|environments|deployments|experiments|challenges|break-glass|lineage"
)
_ADDRESS = re.compile(rf"(?:/api/v1)?/?(?:{_NOUNS})(?:/|$)")
# What lies outside the tables, what is asked for with a body, and what keeps no older values.
_TODAY_ONLY = re.compile(r"/(?:proof|impact|draft|quote|registries|transcript)(?:/|$)")


def has_past(address: str) -> bool:
    """Whether an address can be asked for as of a time."""
    return bool(_ADDRESS.match(address)) and not _TODAY_ONLY.search(address)


def answered(request: HttpRequest, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The answer of today, or that of the second which the request names."""
    told = request.GET.get("at", "")
    if not told:
        return run()
    if request.method not in ("GET", "HEAD") or not has_past(request.path):
        raise ApiProblem(422, "This address answers for today only.", code="invalid", field="at")
    at = moment(told)
    with reading(at):
        response = run()
    response.headers[HEADER] = rfc3339(at)
    return response
