"""What surrounds a request or a task and goes into each of its events."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request or task; every event of it carries the same request id."""

    request_id: str = ""
    ip: str = ""
    auth_method: str = ""
    auth_age_seconds: int | None = None
    mfa: bool | None = None

    def auth(self) -> dict[str, str | int | bool]:
        found = {"method": self.auth_method or None, "age_s": self.auth_age_seconds, "mfa": self.mfa}
        return {k: v for k, v in found.items() if v is not None}


_current: ContextVar[Context] = ContextVar("countersign_audit_context", default=Context())  # noqa: B039


def current() -> Context:
    return _current.get()


@contextmanager
def surrounded(context: Context) -> Iterator[None]:
    """Every event recorded inside carries this context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def authenticated(*, method: str, age_seconds: int | None = None, mfa: bool | None = None) -> None:
    """Add to the context of this request how the person proved who they are."""
    _current.set(replace(current(), auth_method=method, auth_age_seconds=age_seconds, mfa=mfa))


def middleware(get_response: Handler) -> Handler:
    """Surrounds each request; stands after the middleware that gives it its id."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        identity = str(request.META.get("REQUEST_ID") or uuid.uuid4().hex)
        with surrounded(Context(request_id=identity, ip=str(request.META.get("REMOTE_ADDR", "")))):
            return get_response(request)

    return handle
