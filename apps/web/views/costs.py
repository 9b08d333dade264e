"""What control costs: sums, statements of a month, budgets, rates, bills brought in."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.access.guards import may, require
from apps.access.states import Permission
from apps.audit.errors import Invalid, Refused
from apps.costs import commands, queries, quoting, statements
from apps.costs.exchanging import exchange_rates, in_one_currency, named_day
from apps.costs.focus import read_csv
from apps.costs.focus_export import focus_csv
from apps.costs.opencost import read_allocations
from apps.costs.states import Hardware, Source
from apps.engine.csv_safe import csv_parts
from apps.gates.reserving import whole_standing
from apps.inventory.queries import find_model
from apps.web.cost_pictures import bars
from apps.web.pages import done, page

if TYPE_CHECKING:
    from apps.access.models import Person

LARGEST = 8 * 1024 * 1024
SHOWN = 12
STATEMENT = ("month", "unit", "model", "source", "items", "currency", "amount", "exact")


@page()
def cost_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """What runs cost by month, unit, tier and decision; how budgets stand; how good quotes were."""
    require(by, Permission.COST_SEE)
    now = timezone.now()
    month, rows = queries.month_of(now), statements.statement()
    by_unit, tiers = statements.broken_down("unit", month), statements.broken_down("tier")
    context = {
        "title": "Costs",
        "rows": rows,
        "month": month,
        "currency": queries.currency(),
        "months": statements.months(),
        "by_month": bars(_by_month(rows), queries.currency()),
        "by_unit": bars([(part.name, part.amount) for part in by_unit], queries.currency()),
        "units": by_unit,
        "tiers": tiers,
        "gates": statements.broken_down_by_line("gate", month)[:SHOWN],
        "policies": statements.broken_down_by_line("policy", month)[:SHOWN],
        "models": statements.broken_down("model", month)[:SHOWN],
        "budgets": [whole_standing(budget, now) for budget in queries.budgets(month)],
        "excesses": queries.excesses(month),
        "alerts": queries.alerts(month),
        "accuracy": quoting.accuracy(),
        **_forms(by),
    }
    return render(request, "costs/overview.html", context)


def _by_month(rows: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for row in rows:
        name = f"{row['month']:%B %Y}"
        found[name] = found.get(name, queries.NOTHING) + row["amount"]
    return list(found.items())[:SHOWN]


def _forms(by: Person) -> dict[str, Any]:
    return {
        "may_set": may(by, Permission.BUDGET_SET),
        "may_exceed": may(by, Permission.BUDGET_EXCEED),
        "may_import": may(by, Permission.COST_IMPORT),
        "all_units": queries.units(),
    }


@page()
def month_page(request: HttpRequest, month: str, *, by: Person) -> HttpResponse:
    """The bill of each unit for a month; its lines add up to the cent."""
    require(by, Permission.COST_SEE)
    day = queries.named_month(month)
    bills = statements.unit_bills(day)
    context = {"title": f"Statement of {day:%B %Y}", "month": day, "bills": bills, **_together(bills, day)}
    return render(request, "costs/statement.html", context)


def _together(bills: list[statements.UnitBill], month: date) -> dict[str, Any]:
    """The sum of bills in several currencies, or why there is none; nothing where there is one currency."""
    if len({bill.currency for bill in bills}) < 2:
        return {}
    try:
        return {"together": in_one_currency(bills, month)}
    except Refused as refused:
        return {"no_sum": str(refused)}


@page()
def statement_file(request: HttpRequest, month: str, *, by: Person) -> HttpResponseBase:
    """The same as a CSV file."""
    require(by, Permission.COST_SEE)
    day = queries.named_month(month)
    return _file(csv_parts(STATEMENT, statements.statement_rows(day)), f"statement-{day:%Y-%m}.csv")


@page()
def focus_file(request: HttpRequest, month: str, *, by: Person) -> HttpResponseBase:
    """Every entry of a month as FOCUS has it."""
    require(by, Permission.COST_SEE)
    day = queries.named_month(month)
    return _file(focus_csv(day), f"focus-{day:%Y-%m}.csv")


def _file(parts: Any, name: str) -> StreamingHttpResponse:
    told = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(parts, content_type="text/csv; charset=utf-8", headers=told)


@page()
def model_page(request: HttpRequest, key: str, *, by: Person) -> HttpResponse:
    """What controlling a model costs: its first version, then each change."""
    model = find_model(by, key)
    require(by, Permission.COST_SEE, model)
    context = {
        "title": f"Costs of {model.key}",
        "model": model,
        "currency": queries.currency(),
        "versions": statements.by_version(model.key),
        "outcomes": statements.broken_down("outcome", model_keys=[model.key]),
        "quote": quoting.quote(model),
        "accuracy": quoting.accuracy(model.key),
    }
    return render(request, "costs/model.html", context)


@page("POST")
def set_budget(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Set what a unit, or one of its models, may cost in a month."""
    unit = queries.find_unit(request.POST.get("unit", ""))
    key = request.POST.get("model", "").strip()
    budget = commands.set_budget(
        by=by,
        unit=unit,
        model=find_model(by, key) if key else None,
        month=queries.named_month(request.POST.get("month", "")),
        amount=request.POST.get("amount", ""),
    )
    return done(request, f"The budget is set: {budget}.", "/costs")


@page("POST")
def allow_excess(request: HttpRequest, budget_id: int, *, by: Person) -> HttpResponse:
    """Let runs go on beyond a budget."""
    budget = queries.find_budget(by, budget_id)
    commands.allow_excess(
        by=by,
        unit=queries.find_unit(budget.unit_key),
        budget=budget,
        amount=request.POST.get("amount", ""),
        until=_end_of(request.POST.get("until", "")),
        reason=request.POST.get("reason", ""),
    )
    return done(request, "The runs that wait go on within a minute.", "/costs")


def _end_of(text: str) -> datetime:
    """The end of a day, in UTC."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Invalid(f'"{text[:20]}" is no day; one is written as 2026-11-30.', field="until") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


@page("GET", "POST")
def rate_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """The rate card: what holds, what held, what comes."""
    if request.method == "POST":
        rate = commands.set_rate(
            by=by,
            hardware=request.POST.get("hardware", ""),
            per_second=request.POST.get("per_second", ""),
            valid_from=_begin_of(request.POST.get("valid_from", "")),
        )
        return done(request, f"The rate is set: {rate}.", "/costs/rates")
    require(by, Permission.COST_SEE)
    card = queries.rate_card(timezone.now())
    context = {
        "title": "Rates",
        "currency": queries.currency(),
        "card": [(name, card[name]) for name in Hardware],
        "rates": queries.rates(),
        "exchange": exchange_rates()[:SHOWN],
        "may_rate": may(by, Permission.RATE_SET),
    }
    return render(request, "costs/rates.html", context)


@page("POST")
def set_exchange(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Write down what another currency was worth on a day."""
    told = {name: request.POST.get(name, "") for name in ("currency", "rate", "day", "source")}
    rate = commands.set_exchange_rate(
        by=by,
        currency_of=told["currency"],
        rate=told["rate"],
        day=named_day(told["day"], "day"),
        source=told["source"],
    )
    return done(request, f"The exchange rate is set: {rate}.", "/costs/rates")


def _begin_of(text: str) -> datetime | None:
    """The begin of a day, in UTC; None for at once."""
    return _end_of(text) - timedelta(days=1) if text else None


@page("GET", "POST")
def import_page(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Bring a bill in, or try what would become of it."""
    require(by, Permission.COST_IMPORT)
    context: dict[str, Any] = {"title": "Bills brought in", "imports": queries.imports()[:SHOWN]}
    if request.method == "POST":
        context |= {"told": _brought_in(request, by), "trial": bool(request.POST.get("trial"))}
    return render(request, "costs/import.html", context)


def _brought_in(request: HttpRequest, by: Person) -> Any:
    given = request.FILES.get("file")
    if given is None:
        raise Invalid("Please choose a file.", field="file")
    if (given.size or 0) > LARGEST:
        raise Invalid(
            f"The file may have {LARGEST:,} bytes; manage.py import_costs takes more.", field="file"
        )
    data = given.read()
    opencost = request.POST.get("source") == Source.OPENCOST
    rows = read_allocations(data, request.POST.get("currency", "")) if opencost else read_csv(data)
    return commands.bring_in(
        by=by,
        source=Source.OPENCOST if opencost else Source.FOCUS,
        name=given.name or "bill",
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        rows=rows,
        dry_run=bool(request.POST.get("trial")),
    )
