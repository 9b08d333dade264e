"""What follows for what is fed: the graph, what is exposed, tasks to validate again, what nobody told."""

from __future__ import annotations

import pytest

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import NotFound, Refused
from apps.audit.models import Event
from apps.audit.states import system
from apps.deploys.exposure import exposed, lineage_of
from apps.inventory import commands as inventory
from apps.inventory.graph import around, find_thing, missing_upstream
from apps.inventory.lineage import Thing, thing
from apps.inventory.states import NodeKind
from tests.api.asking import Asker
from tests.standing import Standing
from tests.web.browsing import Browser, plain

FEATURE = Thing(kind=NodeKind.FEATURE, name="income_3m", namespace="store", label="4")
NAMED = {"kind": "feature", "name": "income_3m", "namespace": "store", "label": "4"}


@pytest.fixture
def fed(world: Standing) -> Standing:
    """A feature feeds a granted version, which feeds one of another model."""
    by = world.people["developer"]
    first, second = Thing.of(world.granted.version), Thing.of(world.failed.version)
    inventory.state_edge(by=by, kind="feeds", upstream=FEATURE, downstream=first)
    inventory.state_edge(by=by, kind="feeds", upstream=first, downstream=second)
    return world


def test_the_graph_goes_up_and_down_and_knows_the_data_sets(fed: Standing) -> None:
    graph = lineage_of(fed.people["validator"], Thing.of(fed.granted.version))
    kinds = {(one.kind, place) for one, place in graph.places.items()}
    assert {("feature", -1), ("dataset", -1), ("model_version", 1), ("endpoint", 1)} <= kinds
    told = exposed(fed.people["validator"], lineage_of(fed.people["validator"], FEATURE))
    assert [(one.version.model.key, one.tier) for one in told] == [("card-limit", 1), ("credit-pd", 2)]
    assert told[1].approvals
    assert told[1].running


def test_a_model_out_of_sight_and_what_only_it_knows_are_not_there(fed: Standing) -> None:
    stranger = fed.people["elsewhere"]
    for asked in (NAMED, {"kind": "model_version", "name": "credit-pd", "label": "1"}):
        with pytest.raises(NotFound):
            find_thing(stranger, **asked)
    assert not around(stranger, FEATURE).arrows


def test_whoever_opens_findings_asks_everything_that_is_fed_to_be_validated_again(fed: Standing) -> None:
    by = fed.people["validator"]
    made = approvals.revalidate(by=by, of=FEATURE, reason="Its definition changed.")
    assert {(f.model.key, f.severity) for f in made.opened} == {
        ("credit-pd", "medium"),
        ("card-limit", "high"),
    }
    again = approvals.revalidate(by=by, of=FEATURE, reason="Once more.")
    assert {f.pk for f in again.opened} == {f.pk for f in made.opened}
    told = Event.objects.filter(action="finding.opened", object_id__in=[str(f.pk) for f in made.opened])
    assert told.count() == 2
    alone = thing("feature", "nobody-reads-it")
    with pytest.raises(Refused, match="Nothing that is in use"):
        approvals.revalidate(by=by, of=alone, reason="x")


def test_taking_an_approval_away_asks_what_it_feeds_to_be_validated_again(fed: Standing) -> None:
    approvals.revoke(by=fed.people["risk-officer"], approval=fed.granted, reason="It drifted.")
    task = Finding.objects.get(title="Re-validate: credit-pd@1 feeds it")
    assert (task.model.key, task.owner) == ("card-limit", task.model.owner)
    assert "was revoked: It drifted." in task.detail


def test_the_gravest_tier_owes_where_it_comes_from(fed: Standing) -> None:
    version = fed.failed.version
    assert len(missing_upstream(version)) == 2
    (finding,) = approvals.open_missing_lineage_findings(by=system("monitor"))
    assert finding.version == version
    assert "Nothing says where the data set holdout" in finding.detail
    assert not approvals.open_missing_lineage_findings(by=system("monitor"))


def test_the_page_draws_it_and_takes_edges(fed: Standing) -> None:
    browser = Browser(fed.people["developer"])
    there = "/lineage?name=credit-pd&label=1"
    page = browser.get(there)
    assert 'role="img"' in page
    assert "income_3m" in plain(page)
    form = {"kind": "model_version", "name": "credit-pd", "label": "1", "way": "above", "edge": "feeds"}
    other = {"other-kind": "feature", "other-name": "age_band", "other-label": "1"}
    assert "Stated: age_band@1 feeds credit-pd@1." in plain(
        browser.send("/lineage/edges", on=there, **form, **other)
    )
    back = {"other-kind": "model_version", "other-name": "card-limit", "other-label": "1"}
    said = plain(browser.send("/lineage/edges", on=there, **form, **back))
    assert "they would feed each other" in said
    plain_page = plain(
        Browser(fed.people["validator"]).send("/lineage/revalidate", on=there, reason="New data.", **form)
    )
    assert "1 task to re-validate." in plain_page


def test_the_same_over_http(fed: Standing) -> None:
    asker = Asker(fed.tokens["developer"])
    query = "?kind=feature&name=income_3m&namespace=store&label=4"
    told = asker.get(f"/lineage/graph{query}").json()
    assert [one["model"] for one in told["exposed"]] == ["card-limit", "credit-pd"]
    assert asker.get("/lineage/graph?kind=feature&name=nobody-knows-it").status_code == 404
    body = {"thing": NAMED, "reason": "Changed."}
    assert asker.post("/lineage/revalidations", body).status_code == 403
    validator = Asker(client=Browser(fed.people["validator"]).client)
    assert len(validator.post("/lineage/revalidations", body).json()["findings"]) == 2
