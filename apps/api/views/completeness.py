"""How complete the entry of a model is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.approvals.completeness import completeness
from apps.inventory import queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "GET",
    "How complete the entry of a model is, and which parts are missing.",
    answers={200: "The share of parts that are there, and each that is not.", 404: "No such model."},
)
def show_completeness(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    return answer(completeness(queries.find_model(by, key)).as_json())


one = endpoint(show_completeness)
