"""Pipelines, registries and clusters: set up, bound to models, rotated, tried, switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from apps.access.guards import require
from apps.access.states import Permission
from apps.audit.errors import Invalid, NotFound
from apps.deploys import commands, queries
from apps.deploys.integrations import kinds, reading, trying
from apps.deploys.states import VersionFrom
from apps.engine.errors import BadInput
from apps.engine.properties import DEPLOY_TYPES, read_properties
from apps.web.pages import done, page
from apps.web.views import connecting, registries

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.deploys.models import Integration

PLACE = "/administration/integrations"


@page("GET", "POST")
def index(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every integration, and a form for another of the kind that is chosen."""
    rows = reading.integrations(by)
    if request.method == "POST":
        return _made(request, by)
    chosen = request.GET.get("kind", "")
    context = {
        "title": "Integrations",
        "rows": [(row, kinds.KINDS.get(row.kind)) for row in rows],
        "kinds": kinds.KINDS.values(),
        "kind": kinds.kind_of(chosen) if chosen else None,
        "accounts": reading.accounts(),
    }
    return render(request, "integrations/list.html", context)


def _made(request: HttpRequest, by: Person) -> HttpResponse:
    kind = kinds.kind_of(request.POST.get("kind", ""))
    row, secrets = commands.make_integration(
        by=by,
        kind=kind.key,
        name=request.POST.get("name", ""),
        account=_account(request),
        settings=_settings(kind, request.POST),
        hosts=request.POST.get("hosts", ""),
    )
    if not secrets:
        return done(request, f"{row.name} is set up.", f"{PLACE}/{row.pk}")
    return _secrets(request, row, secrets)


def _secrets(request: HttpRequest, row: Integration, secrets: dict[str, str]) -> HttpResponse:
    """Shown this once: the answer is kept nowhere and by nobody."""
    kind = kinds.kind_of(row.kind)
    shown = [(kinds.secret_of(kind, name), value) for name, value in secrets.items()]
    context = {"title": f"The secret of {row.name}", "row": row, "shown": shown, "address": _address(row)}
    return render(request, "integrations/secret.html", context)


def _address(row: Integration) -> str:
    """Where the other side calls; empty where it calls nothing."""
    hook = kinds.kind_of(row.kind).hook
    return f"{settings.BASE_URL.rstrip('/')}/hooks/{hook}/{row.pk}" if hook else ""


def _account(request: HttpRequest) -> Person:
    wanted = request.POST.get("account", "")
    for one in reading.accounts():
        if one.username == wanted:
            return one
    raise Invalid("Choose the service account as which it asks.", field="account")


def _settings(kind: kinds.Kind, sent: QueryDict) -> dict[str, str]:
    return {setting.name: sent.get(f"s-{setting.name}", "") for setting in kind.settings}


@page("GET", "POST")
def record(request: HttpRequest, integration_id: UUID, *, by: Person) -> HttpResponse:
    """One integration with its secrets, bindings and last deliveries."""
    row = reading.find_integration(by, integration_id)
    if request.method == "POST":
        act = _ACTS.get(request.POST.get("act", ""))
        if act is None:
            raise Invalid("Choose what is to be done.", field="act")
        return act(request, row, by)
    standing = reading.standing_of(row)
    context = {
        "title": row.name,
        "standing": standing,
        "row": row,
        "kind": standing.kind,
        "address": _address(row),
        "fields": [(s, row.settings.get(s.name, "")) for s in standing.kind.settings],
        "secrets": [(s, standing.secrets.get(s.name, [])) for s in standing.kind.secrets],
        "accounts": reading.accounts(),
        "environments": queries.environments(),
        "ways": list(VersionFrom),
        "types": DEPLOY_TYPES,
        "may_try": trying.may_be_tried(row),
        "connecting": connecting.section(row, _address(row)),
        "registry": registries.section(row),
    }
    return render(request, "integrations/record.html", context)


def _back(row: Integration) -> str:
    return f"{PLACE}/{row.pk}"


def _rotate(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    name, at_once = request.POST.get("secret", ""), request.POST.get("at_once") == "yes"
    made = commands.rotate_secret(by=by, integration=row, name=name, at_once=at_once)
    return _secrets(request, row, {name: made})


def _give(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    value = request.POST.get("password", "").replace("\r\n", "\n")
    commands.give_secret(by=by, integration=row, name=request.POST.get("secret", ""), value=value)
    return done(request, "The secret is kept.", _back(row))


def _change(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    commands.change_integration(
        by=by,
        integration=row,
        account=_account(request),
        settings=_settings(kinds.kind_of(row.kind), request.POST),
        hosts=request.POST.get("hosts", ""),
    )
    return done(request, f"{row.name} is changed.", _back(row))


def _switch(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    on = request.POST.get("on") == "yes"
    commands.switch_integration(by=by, integration=row, on=on, reason=request.POST.get("reason", ""))
    return done(request, f"{row.name} is {'enabled' if on else 'disabled'}.", _back(row))


def _bind(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    sent = request.POST
    commands.bind_model(
        by=by,
        integration=row,
        model=reading.find_bindable(by, sent.get("model", "").strip()),
        environment=queries.find_environment(sent.get("environment", "")),
        source=sent.get("source", ""),
        place=sent.get("place", ""),
        use=sent.get("use", ""),
        version_from=sent.get("version_from", ""),
        version=sent.get("version", ""),
        deploy_type=sent.get("deploy_type", ""),
        properties=_properties(sent.get("properties", "")),
    )
    return done(request, "The model is bound.", _back(row))


def _properties(text: str) -> Mapping[str, Any]:
    try:
        return read_properties(text)
    except BadInput as fault:
        raise Invalid(str(fault), field="properties") from None


def _unbind(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    wanted = request.POST.get("binding", "")
    for binding in reading.bindings_of(row):
        if str(binding.pk) == wanted:
            commands.unbind_model(by=by, binding=binding)
            return done(request, "The binding is ended.", _back(row))
    raise NotFound("There is no such binding.")


def _try(request: HttpRequest, row: Integration, by: Person) -> HttpResponse:
    require(by, Permission.INTEGRATION_MANAGE)
    return done(request, trying.tried(row), _back(row))


_ACTS: dict[str, Callable[[HttpRequest, Any, Any], HttpResponse]] = {
    "rotate": _rotate,
    "give": _give,
    "change": _change,
    "switch": _switch,
    "bind": _bind,
    "unbind": _unbind,
    "try": _try,
    "look": registries.look,
    "mark": registries.mark,
}
