"""The pages on costs, with something on them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.audit.models import Event
from apps.costs.models import Budget, BudgetExcess, ImportedCost, Rate
from apps.costs.queries import month_of, next_month
from apps.costs.statements import unit_bills
from tests.costs.test_bills import bill, row
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")


def month() -> str:
    return f"{timezone.now():%Y-%m}"


def test_the_overview_tells_months_units_budgets_tiers_and_quotes(world: Standing) -> None:
    page = Browser(world.people["auditor"]).get("/costs")
    text = plain(page)
    for words in ("By month", "Cost of control by tier", "Budgets of", "Quotes", "retail"):
        assert words in text
    assert "<svg" in page
    assert "Set a budget" not in text


def test_the_statement_is_the_bill_on_the_page_and_in_the_file(world: Standing) -> None:
    browser = Browser(world.people["auditor"])
    found = unit_bills(month_of(timezone.now()), "retail")[0]
    assert str(found.amount) in plain(browser.get(f"/costs/months/{month()}"))
    rows = browser.client.get(f"/costs/months/{month()}/statement.csv").getvalue().decode().splitlines()
    assert rows[0].endswith("month,unit,model,source,items,currency,amount,exact")
    assert any(",credit-pd,runs," in line for line in rows)
    focus = browser.client.get(f"/costs/months/{month()}/focus.csv").getvalue().decode()
    assert focus.startswith("BilledCost,")
    browser.get("/costs/months/2026-13", 404)


def test_a_model_shows_its_first_version_and_its_changes(world: Standing) -> None:
    text = plain(Browser(world.people["auditor"]).get("/costs/models/credit-pd"))
    assert "first version" in text
    assert "change" in text


def test_who_may_sets_budgets_and_another_goes_beyond(world: Standing) -> None:
    head, risk = Browser(world.people["head-of-model-risk"]), Browser(world.people["risk-officer"])
    head.send("/costs/budgets", unit="retail", model="credit-pd", month=month(), amount="7")
    budget = Budget.objects.get(model_key="credit-pd")
    last = next_month(month_of(timezone.now())) - timedelta(days=1)
    risk.send(f"/costs/budgets/{budget.pk}/excess", amount="3", until=str(last), reason="Needed.")
    assert BudgetExcess.objects.get().reason == "Needed."
    assert "10.00" in plain(risk.get("/costs"))


def test_rates_are_set_by_the_administrator(world: Standing) -> None:
    browser = Browser(world.people["administrator"])
    browser.send("/costs/rates", hardware="gpu", per_second="0.5")
    assert Rate.objects.get(hardware="gpu").set_by == world.people["administrator"]
    assert "0.5" in plain(browser.get("/costs/rates"))


def test_a_bill_is_tried_and_then_brought_in(world: Standing) -> None:
    browser = Browser(world.people["head-of-model-risk"])
    for trial, count in (("1", 0), ("", 1)):
        given = SimpleUploadedFile("bill.csv", bill(row(), row(Tags='{"model":"nobody"}')))
        answer = browser.client.post("/costs/imports", {"source": "focus", "file": given, "trial": trial})
        assert "Tags that name no model: nobody" in plain(answer.content.decode())
        assert ImportedCost.objects.count() == count
    assert Event.objects.filter(action="cost.imported").count() == 1


def test_a_quote_stands_beside_the_button(world: Standing) -> None:
    text = plain(Browser(world.people["developer"]).get("/models/credit-pd/versions/1"))
    assert "four in five" in text or "No quote" in text


def test_the_system_is_for_who_looks_after_it(world: Standing) -> None:
    text = plain(Browser(world.people["administrator"]).get("/system"))
    assert "Parts of the installation" in text
    assert "database" in text
    Browser(world.people["developer"]).get("/system", 403)


def test_the_api_tells_the_same(world: Standing) -> None:
    client = Browser(world.people["head-of-model-risk"]).client
    bills = client.get(f"/api/v1/costs/statements/{month()}").json()["bills"]
    assert {b["unit"]: b["amount"] for b in bills} == {
        b.unit_key: str(b.amount) for b in unit_bills(month_of(timezone.now()))
    }
    for by in ("model", "tier", "gate", "policy", "outcome"):
        assert client.get(f"/api/v1/costs?by={by}").json()["costs"]
    assert client.get("/api/v1/costs?by=mood").status_code == 422
    assert client.get(f"/api/v1/budgets?month={month()}").json()["budgets"][0]["unit"] == "retail"
    entry = client.get(f"/api/v1/runs/{world.failed.run_id}/costs").json()["entries"][0]
    assert (entry["outcome"], entry["measured"]) == ("decided", True)
    assert sum(float(line["amount"]) for line in entry["lines"]) == pytest.approx(float(entry["amount"]))


def test_a_program_brings_a_bill_in(world: Standing) -> None:
    client = Browser(world.people["head-of-model-risk"]).client
    answer = client.post("/api/v1/costs/imports?trial=1", bill(row()), content_type="text/csv")
    assert answer.json()["counts"]["new"] == 1
    answer = client.post("/api/v1/costs/imports?source=abacus", b"", content_type="text/csv")
    assert answer.status_code == 422
