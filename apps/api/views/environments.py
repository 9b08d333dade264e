"""Environments over HTTP: where versions run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.api.views.records import list_environments
from apps.deploys import commands

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Declare an environment, a place where versions run.",
    request={"key": "string", "title": "string"},
    answers={201: "The environment."},
)
def declare_environment(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    key, title = fields.text("key"), fields.text("title")
    fields.done()
    made = commands.declare_environment(by=by, key=key, title=title)
    return answer({"key": made.key, "title": made.title}, status=201)


environments = endpoint(list_environments, declare_environment)
