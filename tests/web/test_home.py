"""The first page: what waits for whom, and where each role begins where nothing does."""

from __future__ import annotations

from django.utils import timezone

from apps.access.states import ROLES
from apps.deploys.commands import ask_to_break_glass
from apps.deploys.queries import find_environment
from apps.inventory.models import ScorecardProposal
from apps.web.beginnings import BEGINNINGS, beginnings
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain


def test_every_role_is_told_where_to_begin_and_may_go_there(world: Standing) -> None:
    for role in ROLES.keys() - {"pipeline", "directory"}:
        browser, offered = Browser(factories.person(f"new-{role}", role)), beginnings(ROLES[role].permissions)
        assert offered, role
        for one in offered:
            browser.get(one.address)


def test_no_two_beginnings_lead_to_one_place() -> None:
    assert len({one.address for one in BEGINNINGS}) == len(BEGINNINGS)


def test_an_administrator_is_not_told_of_models_that_they_do_not_see(world: Standing) -> None:
    told = plain(Browser(factories.person("second-admin", "administrator")).get("/"))
    assert "0 models" not in told
    assert "Add somebody, give a role with an end" in told


def test_a_proposal_waits_for_a_second_author_and_not_for_its_own(world: Standing) -> None:
    proposal = ScorecardProposal.objects.get()
    second = factories.person("second-author", "model-risk-policy")
    assert f'href="/scorecard/proposals/{proposal.pk}"' in Browser(second).get("/")
    assert f"/scorecard/proposals/{proposal.pk}" not in Browser(proposal.proposed_by).get("/")


def test_a_break_glass_waits_for_its_second_person(world: Standing) -> None:
    approval, by = world.waiting, world.people["risk-officer"]
    asked = ask_to_break_glass(
        by=by,
        version=approval.version,
        use=approval.use,
        environment=find_environment("production"),
        minutes=30,
        reason="The old scores are down.",
        ticket="INC-1",
        reauthenticated_at=timezone.now(),
    )
    told = plain(Browser(world.people["head-of-model-risk"]).get("/"))
    assert "asks for a second person: The old scores are down." in told
    assert "asks for a second person" not in plain(Browser(asked.asked_by).get("/"))
