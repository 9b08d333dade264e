"""What every answer carries: a content security policy, a request id and one log line."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

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
        return response

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
    _log.info(
        "answered",
        extra={
            "request_method": request.method,
            "request_path": request.path,
            "status": response.status_code,
            "milliseconds": round((time.monotonic() - started) * 1000, 1),
        },
    )
