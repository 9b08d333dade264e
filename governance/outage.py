"""What is answered when a request fails for want of the database: 503, and when to come back."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

RETRY_SECONDS = "5"
SENTENCE = "The database did not answer; try again in a few seconds."


def failed(request: HttpRequest) -> HttpResponse:
    """The answer to an error that no view foresaw. Nothing here may touch the database."""
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return HttpResponse(render_to_string("500.html"), status=500)
    response = _document() if request.path.startswith("/api/") else _page()
    response.headers["Retry-After"] = RETRY_SECONDS
    return response


def _page() -> HttpResponse:
    return HttpResponse(render_to_string("503.html", {"sentence": SENTENCE}), status=503)


def _document() -> HttpResponse:
    body = {
        "type": "https://countersign.dev/problems/unavailable",
        "title": "Not available at this moment",
        "status": 503,
        "detail": SENTENCE,
    }
    return JsonResponse(body, status=503, content_type="application/problem+json")
