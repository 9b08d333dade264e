"""What every answer carries: a content security policy, a request id and one log line."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from apps.deploys.watching.latency import observed
from governance.logs import request_id

Handler = Callable[[HttpRequest], HttpResponseBase]

_log = logging.getLogger("countersign.request")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "object-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
    )
)
PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def security_headers(get_response: Handler) -> Handler:
    """No inline script or style, no framing, nothing from elsewhere."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return handle


SEEN = "seen_at"
_SEEN_EVERY = 60.0  # seconds between two notes of the same session


def idle_limit(get_response: Handler) -> Handler:
    """Ends a session in which nobody did anything for too long; a page that asks by itself is nobody."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            _note_activity(request)
        return get_response(request)

    return handle


def _note_activity(request: HttpRequest) -> None:
    now = time.time()
    seen = request.session.setdefault(SEEN, now)
    if not 0 <= now - seen < settings.SESSION_IDLE_SECONDS:
        logout(request)
    elif now - seen >= _SEEN_EVERY and not _by_itself(request):
        request.session[SEEN] = now


def _by_itself(request: HttpRequest) -> bool:
    return bool(request.headers.get("HX-Request")) and request.path.startswith("/runs/")


def framed(get_response: Handler) -> Handler:
    """A method that an address does not take is refused on a page, not on an empty one."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not isinstance(response, HttpResponse) or response.status_code != 405 or response.content:
            return response
        sentence = f"This address takes {response.headers.get('Allow', 'no')} requests only."
        page = render(request, "refused.html", {"sentence": sentence, "status": 405}, status=405)
        page.headers["Allow"] = response.headers.get("Allow", "")
        return page

    return handle


def request_log(get_response: Handler) -> Handler:
    """Gives the request its id (a caller's own is kept when it is well formed) and writes one line."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        offered = request.headers.get("X-Request-ID", "")
        identity = offered if _ACCEPTED_ID.match(offered) else uuid.uuid4().hex
        token = request_id.set(identity)
        request.META["REQUEST_ID"] = identity
        started = time.monotonic()
        try:
            response = get_response(request)
            response.headers["X-Request-ID"] = identity
            _write(request, response, started)
        finally:
            request_id.reset(token)
        return response

    return handle


def _write(request: HttpRequest, response: HttpResponseBase, started: float) -> None:
    match, seconds = request.resolver_match, time.monotonic() - started
    observed(str(request.method), match.route if match else "", response.status_code, seconds)
    _log.info(
        "answered",
        extra={
            "request_method": request.method,
            "request_path": request.path,
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 1),
        },
    )
