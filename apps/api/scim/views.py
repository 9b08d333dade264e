"""The addresses of SCIM 2.0: parse, call one command or query, render."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from apps.access import commands, scim
from apps.access.guards import require
from apps.access.queries import authenticate_token
from apps.access.states import Permission
from apps.api.endpoints import refuse_secrets_in
from apps.api.problems import FORESEEN, ApiProblem, translated
from apps.api.reading import parse, refuse_large
from apps.api.scim import resources, schemas
from apps.api.scim.faults import TYPE, ScimFault, told
from apps.api.scim.filters import GROUPS, USERS, matching
from apps.api.scim.patching import patched
from apps.api.scim.schemas import GROUP, LIST, MOST, SEARCH, USER
from apps.audit.context import authenticated
from apps.audit.retrying import retried

if TYPE_CHECKING:
    from apps.access.models import Person

View = Callable[..., HttpResponse]
_LARGEST = 4 * 1024 * 1024
_TYPES = (TYPE, "application/json")


def answers(**methods: View) -> View:
    """A view of these methods, for whoever carries the token of a directory."""
    table = {name.upper(): view for name, view in methods.items()}

    @csrf_exempt
    @wraps(next(iter(methods.values())))
    def handle(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            refuse_secrets_in(request)
            by = _directory(request)
            view = table.get(str(request.method))
            if view is None:
                raise ApiProblem(405, "Not here.", code="method", headers={"Allow": ", ".join(sorted(table))})
            response: HttpResponse = retried(lambda: view(request, by=by, **named))
        except FORESEEN as error:
            return told(translated(error))
        except IntegrityError:  # two at the same moment: the other one was first
            return told(ScimFault(409, "That is there already.", "uniqueness"))
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return handle


def _directory(request: HttpRequest) -> Person:
    """The service account whose token this is; nobody is let in by a session."""
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    person = authenticate_token(raw.strip()) if scheme.casefold() == "bearer" else None
    if person is None:
        headers = {"WWW-Authenticate": "Bearer"}
        raise ApiProblem(401, "The token is missing, wrong, expired or revoked.", headers=headers)
    authenticated(method="token")
    require(person, Permission.PERSON_PROVISION)
    commands.note_token_use(by=person)
    return person


def _base() -> str:
    return f"{settings.BASE_URL}/scim/v2"


def _sent(request: HttpRequest) -> dict[str, Any]:
    if request.content_type not in _TYPES:
        raise ApiProblem(415, f"Send {TYPE}, not {request.content_type or 'nothing'}.")
    refuse_large(request, _LARGEST)
    found = parse(request.body)
    if not isinstance(found, dict):
        raise ApiProblem(400, "The body must be a JSON object.", code="malformed")
    return found


def _sent_of(request: HttpRequest, schema: str) -> dict[str, Any]:
    found = _sent(request)
    named = found.get("schemas")
    if not isinstance(named, list) or schema not in named:
        raise ScimFault(400, f'"schemas" must hold {schema}.', "invalidSyntax")
    return found


def _answer(body: Any, *, status: int = 200, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JsonResponse(body, status=status, headers=named, content_type=TYPE)


def _one(request: HttpRequest, body: dict[str, Any], *, status: int = 200) -> HttpResponse:
    tag = body["meta"]["version"]
    if request.method == "GET" and request.headers.get("If-None-Match") == tag:
        return HttpResponse(status=304, headers={"ETag": tag})
    headers = {"ETag": tag} | ({"Location": body["meta"]["location"]} if status == 201 else {})
    return _answer(_wanted(request.GET.dict(), body), status=status, **headers)


def _wanted(asked: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Only, or without, the attributes that the question names; the id is always there."""
    only, less = _names(asked, "attributes"), _names(asked, "excludedAttributes") - {"id", "schemas"}
    if only:
        return {k: v for k, v in body.items() if k.casefold() in only or k in ("id", "schemas")}
    return {k: v for k, v in body.items() if k.casefold() not in less}


def _names(asked: Mapping[str, str], name: str) -> set[str]:
    rows = [one.strip() for one in asked.get(name, "").split(",")]
    return {one.rpartition(":")[2].partition(".")[0].casefold() for one in rows if one}


def _version(request: HttpRequest) -> int | None:
    """The version that If-Match asks for; one that cannot be read fits none."""
    tag = request.headers.get("If-Match", "").strip()
    if tag in ("", "*"):
        return None
    number = tag.removeprefix("W/").strip('"')
    return int(number) if number.isascii() and number.isdigit() and len(number) < 10 else -1


Part = tuple[Any, Callable[[Any], dict[str, Any]]]


def _listed(asked: Mapping[str, str], *parts: Part) -> HttpResponse:
    """One page of all parts after each other."""
    start, count = max(1, _whole(asked, "startIndex", 1)), min(MOST, max(0, _whole(asked, "count", MOST)))
    skip, total = start - 1, 0
    found: list[dict[str, Any]] = []
    for rows, render in parts:
        there = rows.count()
        chosen = rows[skip : skip + count - len(found)] if count > len(found) and skip < there else []
        found += [_wanted(asked, render(row)) for row in chosen]
        skip, total = max(0, skip - there), total + there
    return _answer(
        {
            "schemas": [LIST],
            "totalResults": total,
            "startIndex": start,
            "itemsPerPage": len(found),
            "Resources": found,
        }
    )


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    raw = asked.get(name, "") or str(default)
    if not (raw.removeprefix("-").isascii() and raw.removeprefix("-").isdigit() and len(raw) < 10):
        raise ScimFault(400, f'"{name}" must be a whole number.', "invalidValue")
    return int(raw)


def _searched(request: HttpRequest) -> dict[str, str]:
    """A question in a body as it would stand in an address."""
    sent = _sent_of(request, SEARCH)
    found = {}
    for name in ("filter", "startIndex", "count", "attributes", "excludedAttributes"):
        value = sent.get(name)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = ",".join(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise ScimFault(400, f'"{name}" cannot be read.', "invalidValue")
        found[name] = "" if value is None else str(value)
    return found


def search(request: HttpRequest, *, by: Person) -> HttpResponse:
    """People and groups by a question in a body."""
    asked = _searched(request)
    return _listed(asked, _users(by, asked), _groups(by, asked))


def search_users(request: HttpRequest, *, by: Person) -> HttpResponse:
    """People by a question in a body."""
    asked = _searched(request)
    return _listed(asked, _users(by, asked))


def search_groups(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Groups by a question in a body."""
    asked = _searched(request)
    return _listed(asked, _groups(by, asked))


# People ----------------------------------------------------------------------------------------------


def _user(account: Any) -> dict[str, Any]:
    groups = [one.group for one in account.memberships.all() if not one.group.removed_at]
    return resources.user(account, _base(), groups)


def _users(by: Person, asked: Mapping[str, str]) -> Part:
    rows, text = scim.accounts_of(by), asked.get("filter", "")
    return (rows.filter(matching(text, USERS, schema=USER)) if text else rows), _user


def list_users(request: HttpRequest, *, by: Person) -> HttpResponse:
    """People of the directory, by a filter."""
    asked = request.GET.dict()
    return _listed(asked, _users(by, asked))


def make_user(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Somebody new."""
    fields = resources.account_fields(_sent_of(request, USER))
    return _one(request, _user(commands.provision_account(by=by, fields=fields)), status=201)


def show_user(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """One person."""
    return _one(request, _user(scim.find_account(by, uid)))


def put_user(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """A person as they are from now on."""
    account = scim.find_account(by, uid)
    return _changed_user(request, by, account, _sent_of(request, USER))


@transaction.atomic
def patch_user(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """A person with some things changed."""
    account = scim.find_account(by, uid, hold=True)
    return _changed_user(request, by, account, patched(_user(account), _sent(request), schema=USER))


def _changed_user(request: HttpRequest, by: Person, account: Any, sent: Mapping[str, Any]) -> HttpResponse:
    fields = resources.account_fields(sent)
    changed = commands.change_account(by=by, account=account, fields=fields, version=_version(request))
    return _one(request, _user(changed))


def remove_user(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """Somebody whom the directory knows no more: disabled, and kept."""
    commands.remove_account(by=by, account=scim.find_account(by, uid))
    return HttpResponse(status=204)


# Groups ----------------------------------------------------------------------------------------------


def _group(row: Any) -> dict[str, Any]:
    held = row.members.filter(account__removed_at=None).select_related("account__person").order_by("pk")
    return resources.group(row, _base(), [one.account for one in held])


def _groups(by: Person, asked: Mapping[str, str]) -> Part:
    rows, text = scim.groups_of(by), asked.get("filter", "")
    return (rows.filter(matching(text, GROUPS, schema=GROUP)).distinct() if text else rows), _group


def list_groups(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Groups of the directory, by a filter."""
    asked = request.GET.dict()
    return _listed(asked, _groups(by, asked))


def make_group(request: HttpRequest, *, by: Person) -> HttpResponse:
    """A new group."""
    fields = resources.group_fields(_sent_of(request, GROUP))
    return _one(request, _group(commands.provision_group(by=by, fields=fields)), status=201)


def show_group(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """One group."""
    return _one(request, _group(scim.find_group(by, uid)))


def put_group(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """A group as it is from now on."""
    row = scim.find_group(by, uid)
    return _changed_group(request, by, row, _sent_of(request, GROUP))


@transaction.atomic
def patch_group(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """A group with some things changed."""
    row = scim.find_group(by, uid, hold=True)
    return _changed_group(request, by, row, patched(_group(row), _sent(request), schema=GROUP))


def _changed_group(request: HttpRequest, by: Person, row: Any, sent: Mapping[str, Any]) -> HttpResponse:
    fields = resources.group_fields(sent)
    changed = commands.change_group(by=by, group=row, fields=fields, version=_version(request))
    return _one(request, _group(changed))


def remove_group(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """A group that is no more."""
    commands.remove_group(by=by, group=scim.find_group(by, uid))
    return HttpResponse(status=204)


# What this service takes part in ------------------------------------------------------------------------


def show_provider(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What this service can do."""
    return _answer(schemas.service_provider(_base()))


def list_types(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Users and groups."""
    return _described(request, schemas.resource_types(_base()))


def show_type(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """One of the two."""
    return _described_one(schemas.resource_types(_base()), uid)


def list_schemas(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The attributes that are kept."""
    return _described(request, schemas.schemas(_base()))


def show_schema(request: HttpRequest, *, by: Person, uid: str) -> HttpResponse:
    """The attributes that are kept of one."""
    return _described_one(schemas.schemas(_base()), uid)


def _described(request: HttpRequest, rows: list[dict[str, Any]]) -> HttpResponse:
    if request.GET.get("filter"):
        raise ApiProblem(403, "What this service takes part in is not filtered.")
    return _answer(
        {
            "schemas": [LIST],
            "totalResults": len(rows),
            "startIndex": 1,
            "itemsPerPage": len(rows),
            "Resources": rows,
        }
    )


def _described_one(rows: list[dict[str, Any]], uid: str) -> HttpResponse:
    found = next((row for row in rows if row["id"] == uid), None)
    if found is None:
        raise ApiProblem(404, "There is nothing of that id.", code="not_found")
    return _answer(found)


def nothing(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What an address that does not exist answers."""
    raise ApiProblem(404, "There is nothing at this address.", code="not_found")
