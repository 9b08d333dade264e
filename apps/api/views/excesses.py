"""Beyond a budget, over HTTP: by so much, until then, for a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from apps.api.endpoints import answer, endpoint, operation
from apps.api.reading import Fields, body
from apps.costs import commands, queries

if TYPE_CHECKING:
    from apps.access.models import Person


@operation(
    "POST",
    "Let runs go on beyond a budget until a time within its month; people do this in a session.",
    request={"amount": "string", "until": "string", "reason": "string"},
    answers={201: "What was allowed."},
)
def allow(request: HttpRequest, budget_id: int, *, by: Person) -> HttpResponse:
    budget = queries.find_budget(by, budget_id)
    fields = Fields(body(request))
    amount, until, reason = fields.text("amount"), fields.instant("until"), fields.text("reason")
    fields.done()
    made = commands.allow_excess(
        by=by,
        unit=queries.find_unit(budget.unit_key),
        budget=budget,
        amount=amount,
        until=until,
        reason=reason,
    )
    told = {"budget": budget.pk, "amount": f"{made.amount:f}", "currency": budget.currency}
    return answer({**told, "until": made.until, "reason": made.reason}, status=201)


excesses = endpoint(allow)
