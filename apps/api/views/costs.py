"""Costs for programs: sums, statements, budgets, rates, quotes, bills brought in."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apps.access.guards import require
from apps.access.states import Permission
from apps.api.endpoints import answer, endpoint, operation
from apps.api.problems import ApiProblem
from apps.api.reading import Fields, body, refuse_large
from apps.audit.errors import Invalid, Refused
from apps.costs import commands, queries, quoting, statements
from apps.costs.exchanging import exchange_rates, in_one_currency, named_day
from apps.costs.focus import read_csv
from apps.costs.focus_export import focus_csv
from apps.costs.opencost import read_allocations
from apps.costs.states import Source
from apps.gates.queries import find_run
from apps.gates.reserving import whole_standing
from apps.inventory.queries import find_model

if TYPE_CHECKING:
    from apps.access.models import Person
    from apps.costs.models import ExchangeRate

LARGEST = 8 * 1024 * 1024
PARTS = (*statements.BY, *statements.BY_LINE)


@operation(
    "GET",
    "Cost of control by month and unit, or broken down.",
    query={"by": f"string, one of {', '.join(PARTS)}", "month": "string, such as 2026-11"},
    answers={200: "Rows."},
)
def list_costs(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_SEE)
    named = request.GET.get("month", "")
    month, wanted = queries.named_month(named) if named else None, request.GET.get("by", "")
    if not wanted:
        rows = [{k: str(v) for k, v in row.items()} for row in statements.statement(month)]
        return answer({"costs": rows})
    if wanted not in PARTS:
        raise Invalid(
            f'"{wanted[:40]}" is nothing to break costs down by; it is {", ".join(PARTS)}.', field="by"
        )
    breaking = statements.broken_down if wanted in statements.BY else statements.broken_down_by_line
    rows = [_part(part) for part in breaking(wanted, month)]
    return answer({"by": wanted, "currency": queries.currency(), "costs": rows})


def _part(part: statements.Part) -> dict[str, Any]:
    each = part.per_decision
    return {
        "name": part.name,
        "amount": f"{part.amount:f}",
        "runs": part.runs,
        "decisions": part.decisions,
        "per_decision": None if each is None else f"{each:f}",
    }


@operation("GET", "The bill of each unit for a month, to the cent.", answers={200: "Bills."})
def show_month(request: HttpRequest, month: str, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_SEE)
    day = queries.named_month(month)
    bills = statements.unit_bills(day)
    return answer(
        {"month": f"{day:%Y-%m}", "bills": [_bill(bill) for bill in bills], **_together(bills, day)}
    )


def _together(bills: list[statements.UnitBill], month: date) -> dict[str, Any]:
    """The sum in the installation's currency with the rates that it rests on; else why there is none."""
    try:
        found = in_one_currency(bills, month)
    except Refused as refused:
        return {"together": None, "no_sum": str(refused)}
    parts = [
        {
            "currency": part.currency,
            "amount": f"{part.amount:f}",
            "into": f"{part.into:f}",
            "rate": part.rate and _exchange(part.rate),
        }
        for part in found.parts
    ]
    return {"together": {"currency": found.currency, "amount": f"{found.amount:f}", "parts": parts}}


def _exchange(rate: ExchangeRate) -> dict[str, Any]:
    return {
        "id": rate.pk,
        "currency": rate.currency,
        "into": rate.into,
        "rate": f"{rate.rate:f}",
        "day": rate.day.isoformat(),
        "source": rate.source,
    }


def _bill(bill: statements.UnitBill) -> dict[str, Any]:
    return {
        "unit": bill.unit_key,
        "currency": bill.currency,
        "amount": f"{bill.amount:f}",
        "exact": f"{bill.exact:f}",
        "lines": [
            {
                "model": line.model_key,
                "source": line.source,
                "items": line.items,
                "amount": f"{line.amount:f}",
                "exact": f"{line.exact:f}",
            }
            for line in bill.lines
        ],
    }


@operation(
    "GET", "Every entry of a month as FOCUS 1.2.", answers={200: "A CSV file."}, produces=("text/csv",)
)
def show_focus(request: HttpRequest, month: str, *, by: Person) -> HttpResponseBase:
    require(by, Permission.COST_SEE)
    day = queries.named_month(month)
    return StreamingHttpResponse(focus_csv(day), content_type="text/csv; charset=utf-8")


@operation("GET", "What each attempt at a run cost, by gate, and its quote.", answers={200: "Entries."})
def show_run_costs(request: HttpRequest, run_id: UUID, *, by: Person) -> HttpResponse:
    run = find_run(by, run_id)
    require(by, Permission.COST_SEE, run.version.model)
    expected = quoting.quote_of(run.pk)
    told = None if expected is None or expected.median is None else _quoted(expected)
    return answer({"quote": told, "entries": [_entry(entry) for entry in queries.entries_of(run.pk)]})


def _quoted(row: Any) -> dict[str, Any]:
    amounts = {name: f"{getattr(row, name):f}" for name in ("low", "median", "high")}
    return {**amounts, "currency": row.currency, "sample": row.sample, "basis": row.basis}


def _entry(entry: Any) -> dict[str, Any]:
    numbers = ("amount", "cpu_seconds", "gpu_seconds", "wall_seconds", "gib_seconds")
    return {
        "partition": entry.partition,
        "attempt": entry.fence,
        "outcome": entry.outcome,
        "measured": entry.measured,
        "hardware": entry.hardware,
        **{name: f"{getattr(entry, name):f}" for name in numbers},
        "currency": entry.currency,
        "rates": entry.rates,
        "lines": [
            {"gate": line.gate, "policy": line.policy, "amount": f"{line.amount:f}"}
            for line in entry.lines.all()
        ],
    }


@operation("GET", "What another run of a model will probably cost.", answers={200: "The quote."})
def show_quote(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    model = find_model(by, key)
    require(by, Permission.RUN_REQUEST, model)
    return answer({"model": model.key, **quoting.quote(model, request.GET.get("purpose", "")).as_json()})


@operation(
    "GET", "Budgets of a month and how they stand.", query={"month": "string"}, answers={200: "Budgets."}
)
def list_budgets(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_SEE)
    named = request.GET.get("month", "")
    month = queries.named_month(named) if named else queries.month_of(datetime.now(UTC))
    return answer({"budgets": [_budget(whole_standing(row)) for row in queries.budgets(month)]})


def _budget(found: queries.Standing) -> dict[str, Any]:
    budget = found.budget
    return {
        "id": budget.pk,
        "unit": budget.unit_key,
        "model": budget.model_key or None,
        "month": f"{budget.month:%Y-%m}",
        "amount": f"{budget.amount:f}",
        "ceiling": f"{found.ceiling:f}",
        "used": f"{found.used:f}",
        "reserved": _planned(found.reserved),
        "waiting": _planned(found.waiting),
        "share": int(found.share),
        "level": found.level,
        "used_up": found.used_up,
        "currency": budget.currency,
    }


def _planned(found: queries.Planned) -> dict[str, Any]:
    return {"amount": f"{found.amount:f}", "runs": found.runs, "without_quote": found.unknown}


@operation(
    "POST",
    "Set what a unit, or one of its models, may cost in a month.",
    request={"unit": "string", "month": "string", "amount": "string", "model": "string?"},
    answers={201: "The budget."},
)
def set_budget(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    unit, key = queries.find_unit(fields.text("unit")), fields.text("model", "")
    month, amount = queries.named_month(fields.text("month")), fields.text("amount")
    fields.done()
    model = find_model(by, key) if key else None
    budget = commands.set_budget(by=by, unit=unit, model=model, month=month, amount=amount)
    return answer(_budget(whole_standing(budget)), status=201)


@operation("GET", "The rate card of now.", answers={200: "Rates by hardware class."})
def list_rates(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_SEE)
    card = queries.rate_card(datetime.now(UTC))
    rates = {str(name): priced.as_json() for name, priced in card.items()}
    return answer({"currency": queries.currency(), "rates": rates})


@operation(
    "POST",
    "Set what a second of a hardware class costs from a day on.",
    request={"hardware": "string", "per_second": "string", "valid_from": "string?"},
    answers={201: "The rate."},
)
def set_rate(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    hardware, price, since = fields.text("hardware"), fields.text("per_second"), fields.text("valid_from", "")
    fields.done()
    begins = _midnight(since) if since else None
    rate = commands.set_rate(by=by, hardware=hardware, per_second=price, valid_from=begins)
    told = {"hardware": rate.hardware, "per_second": f"{rate.per_second:f}", "valid_from": rate.valid_from}
    return answer({**told, "currency": rate.currency}, status=201)


@operation("GET", "Exchange rates, the newest day first.", answers={200: "The newest 100."})
def list_exchange(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_SEE)
    return answer({"exchange_rates": [_exchange(rate) for rate in exchange_rates()[:100]]})


@operation(
    "POST",
    "Set what another currency was worth on a day.",
    request={"currency": "string", "rate": "string", "day": "string", "source": "string"},
    answers={201: "The exchange rate."},
)
def set_exchange(request: HttpRequest, *, by: Person) -> HttpResponse:
    fields = Fields(body(request))
    code, rate, day = fields.text("currency"), fields.text("rate"), fields.text("day")
    source = fields.text("source")
    fields.done()
    row = commands.set_exchange_rate(
        by=by, currency_of=code, rate=rate, day=named_day(day, "day"), source=source
    )
    return answer(_exchange(row), status=201)


def _midnight(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f'"{text[:20]}" is no day; one is written as 2026-11-30.', field="valid_from") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@operation(
    "POST",
    "Bring in a bill: FOCUS 1.0 to 1.4 as CSV, or an answer of OpenCost as JSON, by the tag of the model.",
    query={
        "source": "string, focus or opencost",
        "currency": "string, of OpenCost's prices",
        "name": "string",
        "trial": "integer, 1 writes nothing",
    },
    answers={200: "What became of each row."},
)
def bring_in(request: HttpRequest, *, by: Person) -> HttpResponse:
    require(by, Permission.COST_IMPORT)
    refuse_large(request, LARGEST)
    source = request.GET.get("source", str(Source.FOCUS))
    if source not in (Source.FOCUS, Source.OPENCOST):
        raise ApiProblem(422, f'"{source[:40]}" is no kind of bill; it is focus or opencost.', code="invalid")
    data = request.body
    currency = request.GET.get("currency", "")
    told = commands.bring_in(
        by=by,
        source=Source(source),
        name=request.GET.get("name", source),
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        rows=read_csv(data) if source == Source.FOCUS else read_allocations(data, currency),
        dry_run=request.GET.get("trial") == "1",
    )
    return answer({"counts": told.counts, "unknown_tags": told.unknown_tags, "rows": told.rows})


costs = endpoint(list_costs)
statement = endpoint(show_month)
focus = endpoint(show_focus)
run_costs = endpoint(show_run_costs)
quote = endpoint(show_quote)
budgets = endpoint(list_budgets, set_budget)
rates = endpoint(list_rates, set_rate)
exchange = endpoint(list_exchange, set_exchange)
imports = endpoint(bring_in)
