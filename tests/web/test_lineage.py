"""Where the lineage begins: models, and things found by a part of their name."""

from __future__ import annotations

from apps.inventory.commands import state_edge
from apps.inventory.lineage import thing
from tests.standing import Standing
from tests.web.browsing import Browser, plain


def test_the_lineage_begins_with_models_and_finds_things_by_name(world: Standing) -> None:
    raw, income = thing("dataset", "core.applications"), thing("feature", "income_3m", label="4")
    first = thing("model_version", "credit-pd", label=world.granted.version.label)
    state_edge(by=world.people["developer"], kind="derives", upstream=raw, downstream=income)
    state_edge(by=world.people["developer"], kind="feeds", upstream=income, downstream=first)
    reader = Browser(world.people["auditor"])
    assert 'href="/lineage?name=credit-pd"' in reader.get("/lineage")
    found = reader.get("/lineage?q=INCOME")
    assert "/lineage?kind=feature&amp;name=income_3m&amp;label=4" in found
    assert "core.applications" not in found
    assert "Nothing of that name" in reader.get("/lineage?q=zzz")
    assert "<dt>Version</dt>" in reader.get("/lineage?kind=feature&name=income_3m&label=4")


def test_nobody_finds_what_only_other_models_are_fed_by(world: Standing) -> None:
    income, first = thing("feature", "income_3m"), thing("model_version", "credit-pd", label="1")
    state_edge(by=world.people["developer"], kind="feeds", upstream=income, downstream=first)
    told = plain(Browser(world.people["elsewhere"]).get("/lineage?q=income"))
    assert "Nothing of that name" in told
    assert "income_3m" not in told
