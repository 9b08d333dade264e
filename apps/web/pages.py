"""What every page does: who is asking, refusals as sentences, the frame's own data."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

from apps.access import proving
from apps.access.guards import require_factor
from apps.access.queries import roles_and_reach, signed_in
from apps.access.states import Permission
from apps.access.text import storable
from apps.audit.anchoring.standing import recently_told
from apps.audit.errors import Forbidden, Invalid, NotFound, Refused
from apps.audit.past import as_of
from apps.audit.retrying import retried
from apps.engine.errors import Problem
from apps.notices.queries import unread
from apps.reports.lists import OF_PEOPLE
from apps.web import past
from apps.web.administration import sections

if TYPE_CHECKING:
    from datetime import datetime

    from apps.access.models import Person
    from apps.access.states import Role

View = Callable[..., HttpResponseBase]

REAUTHENTICATED, TWO_FACTORS = proving.REAUTHENTICATED, proving.TWO_FACTORS
TYPED = "typed"
_SECRET = frozenset({"password", "old_password", "code", "answer", "csrfmiddlewaretoken"})
_LONGEST_KEPT = 20_000
# Where somebody who owes a second factor may send a form: to add one, and to be told so.
_OPEN_TO_ALL = ("/account", "/reauthenticate")

# Address, title, permission needed, and the addresses of records that belong to it.
Entry = tuple[str, str, Permission | None, tuple[str, ...]]
RAIL: tuple[Entry, ...] = (
    ("/", "My work", None, ()),
    ("/models", "Models", Permission.MODEL_SEE, ("/runs/", "/lineage")),
    ("/queue", "Queue", Permission.MODEL_SEE, ()),
    ("/reviews", "Reviews", Permission.EVIDENCE_SEE, ()),
    ("/reports", "Reports", Permission.EVIDENCE_SEE, ()),
    ("/findings", "Findings", Permission.EVIDENCE_SEE, ()),
    ("/waivers", "Waivers", Permission.EVIDENCE_SEE, ()),
    ("/attestations", "Attestations", Permission.MODEL_SEE, ()),
    ("/decisions", "Decisions", Permission.ADMISSION_SEE, ("/admissions/",)),
    ("/deployments", "Deployments", Permission.ADMISSION_SEE, ("/environments", "/experiments")),
    ("/policies", "Policies", None, ()),
    ("/coverage", "Coverage", Permission.EVIDENCE_SEE, ()),
    ("/costs", "Costs", Permission.COST_SEE, ()),
    ("/events", "Audit events", Permission.EVENT_SEE, ()),
    ("/exports", "Exports", Permission.EXPORT_MAKE, ()),
    ("/uploads", "Uploads", Permission.VERSION_REGISTER, ()),
    ("/system", "System", Permission.SYSTEM_SEE, ()),
)
# The last entry, for whoever may open one of its sections.
ADMINISTRATION: Entry = ("/administration", "Administration", None, ("/storage", "/conversions"))

# Addresses whose list can be taken away as a file, and its name.
LISTS = {
    "/models": "models",
    "/reviews": "approvals",
    "/findings": "findings",
    "/waivers": "waivers",
    "/decisions": "admissions",
    "/reports": "reports",
    "/costs": "costs",
    "/events": "events",
    "/queue": "runs",
    "/attestations": "attestations",
    "/deployments": "deployments",
    "/experiments": "experiments",
    "/policies": "policies",
    "/administration/people": "people",
    "/administration/tokens": "tokens",
    "/administration/units": "units",
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: the rail with its current entry, the roles, and what was typed before."""
    by = signed_in(getattr(request, "user", None))
    if by is None:
        return {}
    roles, wide = roles_and_reach(by)
    held = {permission for role in roles for permission in role.permissions}
    rail = [
        {"url": url, "title": title, "current": _is_current(request.path, url, others)}
        for url, title, needed, others in (*RAIL, *_administration(wide))
        if needed is None or needed in held
    ]
    return {
        "rail": rail,
        "export": _exportable(request, held),
        "may_export": Permission.EXPORT_MAKE in held,
        "roles_held": [role.title for role in roles],
        "unread": unread(by),
        "as_of": as_of(),
        "stopped": "" if as_of() or request.path == "/health" else recently_told(),
        "has_past": past.has_past(request.path),
        TYPED: _typed(request),
    }


def _administration(wide: list[Role]) -> list[Entry]:
    """The administration, for whoever may open a section of it: they are the whole organisation's."""
    return [ADMINISTRATION] if sections({p for role in wide for p in role.permissions}) else []


def _exportable(request: HttpRequest, held: set[Permission]) -> dict[str, Any] | None:
    """The list on this page as a form takes it away, for those who export."""
    name = LISTS.get(request.path)
    needed = (
        {Permission.EXPORT_MAKE, Permission.PERSON_MANAGE} if name in OF_PEOPLE else {Permission.EXPORT_MAKE}
    )
    if name is None or not needed & held:
        return None
    filters = {key: value for key, value in request.GET.items() if key not in ("after", "at")}
    return {"list": name, "filters": filters, "formats": ("csv", "xlsx", "jsonl")}


def _is_current(here: str, url: str, others: tuple[str, ...]) -> bool:
    below = url != "/" and here.startswith(url.rstrip("/") + "/")
    return here == url or below or any(here.startswith(other) for other in others)


def _typed(request: HttpRequest) -> dict[str, str]:
    kept = request.session.get(TYPED)
    if not kept or kept["for"] != request.path:
        return {}
    del request.session[TYPED]
    fields: dict[str, str] = kept["fields"]
    return fields


def page(*methods: str) -> Callable[[View], View]:
    """A page for people signed in; the view is called with ``by``."""

    def wrap(view: View) -> View:
        @require_http_methods(list(methods or ("GET",)))
        @wraps(view)
        def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            by = signed_in(request.user)
            response = _to_sign_in(request) if by is None else _answered(request, view, by, *args, **kwargs)
            patch_vary_headers(response, ("HX-Request",))
            response.headers.setdefault("Cache-Control", "private, no-store")
            return response

        return handle

    return wrap


def _answered(request: HttpRequest, view: View, by: Person, *args: Any, **kwargs: Any) -> HttpResponseBase:
    proving.proved_by_session(request.session)
    try:
        _refuse_unstorable(request, kwargs)
        if request.method == "POST" and not request.path.startswith(_OPEN_TO_ALL):
            require_factor(by)
        return retried(lambda: past.answered(request, lambda: view(request, *args, by=by, **kwargs)))
    except NotFound as error:
        return refusal(request, error, 404)
    except Forbidden as error:
        return _told(request, error, 403)
    except (Refused, Problem) as error:
        return _told(request, error, 422 if isinstance(error, Invalid) else 409)


def _refuse_unstorable(request: HttpRequest, named: dict[str, Any]) -> None:
    for value in named.values():
        if isinstance(value, str) and not storable(value):
            raise NotFound("There is nothing at this address.")
    for sent in (request.GET, request.POST):
        for name, value in sent.items():
            if not storable(str(value)):
                raise Invalid(f"“{name}” holds a character that no text may hold.", field=name)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back; a part that asks for itself sends the whole page there."""
    back = request.get_full_path() if request.method == "GET" else referring(request)
    address = f"/sign-in?next={quote(back)}"
    if request.headers.get("HX-Request"):
        back = own_path(request, request.headers.get("HX-Current-URL", "")) or "/"
        return HttpResponse(status=204, headers={"HX-Redirect": f"/sign-in?next={quote(back)}"})
    return redirect(address)


def referring(request: HttpRequest) -> str:
    """The page of ours that the form stands on."""
    return own_path(request, request.POST.get("back") or request.headers.get("Referer") or "") or "/"


def _told(request: HttpRequest, error: Exception, status: int) -> HttpResponse:
    """A refused form goes back to its page with the sentence and with what was typed."""
    back = referring(request)
    if request.method != "POST" or back == "/":
        return refusal(request, error, status)
    _keep_typed(request, back)
    messages.error(request, str(error), extra_tags="bad")
    if getattr(error, "code", "") == "reauthenticate":
        return redirect(f"/reauthenticate?next={quote(back)}")
    return redirect(back)


def _keep_typed(request: HttpRequest, back: str) -> None:
    fields = {k: str(v)[:_LONGEST_KEPT] for k, v in request.POST.items() if k not in _SECRET}
    path = back.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.split("/", 3)[3]
    request.session[TYPED] = {"for": path, "fields": {k: v for k, v in fields.items() if storable(v)}}


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


def reauthenticated_at(request: HttpRequest) -> datetime | None:
    """When this session last proved who it is."""
    return proving.proved_at(request.session)
