"""What every page does: who is asking, refusals as sentences, the frame's own data."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from apps.access.models import Person
from apps.access.queries import roles_held
from apps.access.states import Permission
from apps.audit.errors import Forbidden, NotFound, Refused
from apps.engine.errors import Problem

View = Callable[..., HttpResponseBase]

RAIL: tuple[tuple[str, str, Permission | None], ...] = (
    ("/", "My work", None),
    ("/models", "Models", Permission.MODEL_SEE),
    ("/reviews", "Reviews", Permission.EVIDENCE_SEE),
    ("/findings", "Findings", Permission.EVIDENCE_SEE),
    ("/waivers", "Waivers", Permission.EVIDENCE_SEE),
    ("/decisions", "Decisions", Permission.ADMISSION_SEE),
    ("/policies", "Policies", None),
    ("/costs", "Costs", Permission.COST_SEE),
    ("/events", "Audit events", Permission.EVENT_SEE),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: the rail with its current entry, and the roles of who is signed in."""
    if not isinstance(request.user, Person):
        return {}
    here, roles = request.path, roles_held(request.user)
    held = {permission for role in roles for permission in role.permissions}
    rail = [
        {"url": url, "title": title, "current": here == url or (url != "/" and here.startswith(url))}
        for url, title, needed in RAIL
        if needed is None or needed in held
    ]
    return {"rail": rail, "roles_held": [role.title for role in roles]}


def page(*methods: str) -> Callable[[View], View]:
    """A page for people signed in; the view is called with ``by``."""

    def wrap(view: View) -> View:
        @require_http_methods(list(methods or ("GET",)))
        @wraps(view)
        def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not isinstance(request.user, Person) or not request.user.is_active:
                return redirect(f"/sign-in?next={request.path}")
            try:
                return view(request, *args, by=request.user, **kwargs)
            except NotFound as error:
                return refusal(request, error, 404)
            except Forbidden as error:
                return _told(request, error, 403)
            except (Refused, Problem) as error:
                return _told(request, error, 409)

        return handle

    return wrap


def _told(request: HttpRequest, error: Exception, status: int) -> HttpResponse:
    back = own_path(request, request.POST.get("back") or request.headers.get("Referer") or "")
    if request.method == "POST" and back:
        messages.error(request, str(error), extra_tags="bad")
        return redirect(back)
    return refusal(request, error, status)


def refusal(request: HttpRequest, error: Exception, status: int) -> HttpResponse:
    """A page that says why not."""
    return render(request, "refused.html", {"sentence": str(error), "status": status}, status=status)


def own_path(request: HttpRequest, url: str) -> str:
    """The URL when it is one of ours, else nothing."""
    ours = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if url and ours else ""


def done(request: HttpRequest, sentence: str, to: str) -> HttpResponse:
    """Say what happened and go on."""
    messages.success(request, sentence, extra_tags="good")
    return redirect(to)
