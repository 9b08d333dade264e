"""The administration as people walk through it: who may what and why, roles given, ended, made, reviewed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.access.guards import may
from apps.access.models import Campaign, Delegation, Person
from apps.access.queries import authenticate_token
from apps.access.states import Permission
from apps.deploys.models import Glass, GlassRequest
from tests.standing import Standing
from tests.web.browsing import Browser

PEOPLE = "/administration/people"
LATER = str((timezone.now() + timedelta(days=20)).date())
WHY = {"reason": "for a test"}


@pytest.fixture
def admin(world: Standing) -> Browser:
    return Browser(world.people["administrator"], fresh=True)


def test_somebody_is_added_given_a_role_and_disabled(admin: Browser) -> None:
    fields = {"username": "nina", "name": "Nina New", "password": "a long and good password"}
    assert "nina is made" in admin.send(f"{PEOPLE}/add", on=PEOPLE, **fields)
    nina, page = Person.objects.get(username="nina"), f"{PEOPLE}/nina"
    admin.send(f"{page}/grants", on=page, role="validator", scope="organisation", **WHY)
    assert may(nina, Permission.APPROVAL_VALIDATE)
    told = admin.get(f"{page}?permission=approval.validate&model=credit-pd")
    assert "nina holds approval.validate as Validator for the whole organisation" in told
    told = admin.get(f"{page}?permission=version.register&model=credit-pd")
    assert "Only the role Model developer" in told
    refused = admin.send(f"{page}/grants", on=page, role="developer", scope="organisation", **WHY)
    assert "nobody both builds and approves" in refused
    admin.send(f"{page}/disable", on=page, **WHY)
    nina.refresh_from_db()
    assert not nina.is_active
    assert "may sign in again" in admin.send(f"{page}/enable", on=page, **WHY)


def test_acts_ask_for_the_password_first(world: Standing) -> None:
    stale = Browser(world.people["administrator"])
    stale.send(f"{PEOPLE}/add", on=PEOPLE, username="nina", name="Nina", kind="service")
    assert not Person.objects.filter(username="nina").exists()


def test_nobody_is_offered_to_grant_to_themselves(world: Standing, admin: Browser) -> None:
    own = admin.get(f"{PEOPLE}/{world.people['administrator'].username}")
    assert "Nobody grants a role to themselves" in own


def test_the_auditor_reads_and_is_offered_nothing(world: Standing) -> None:
    auditor = Browser(world.people["auditor"])
    page = auditor.get(f"{PEOPLE}/{world.people['validator'].username}")
    assert "Give a role" not in page
    assert "Disable" not in page
    assert "Make a role" not in auditor.get("/administration/roles")


def test_a_role_is_made_changed_and_retired(world: Standing, admin: Browser) -> None:
    place, given = "/administration/roles", {"title": "Cost reader", "sentence": "Reads costs.", **WHY}
    both = ["version.register", "approval.risk"]
    refused = admin.send(f"{place}/make", on=place, key="costs", permissions=both, **given)
    assert "nobody both builds and approves" in refused
    made = admin.send(f"{place}/make", on=place, key="costs", permissions=["cost.see"], **given)
    assert "Cost reader, version 1 counts from now on" in made
    reader = Person.objects.get(username=world.people["validator"].username)
    admin.send(f"{PEOPLE}/{reader.username}/grants", role="costs", scope="organisation", **WHY)
    assert may(reader, Permission.COST_SEE)
    assert "Cost reader" in admin.get(f"{PEOPLE}?role=costs")
    admin.send(f"{place}/costs", on=f"{place}/costs", act="retire", **WHY)
    assert not may(reader, Permission.COST_SEE)
    assert "Nothing any more" in admin.get(f"{place}/costs")


def test_a_token_is_shown_once_and_revoked(admin: Browser) -> None:
    shown = admin.send("/administration/tokens/issue", username="pipeline", name="nightly", days="9")
    found = re.search(r'<p class="mono">(\S+)</p>', shown)
    assert found
    holder = authenticate_token(found[1])
    assert holder is not None
    assert holder.token is not None
    listed = admin.get("/administration/tokens")
    assert "nightly" in listed
    assert found[1] not in listed
    admin.send(f"/administration/tokens/{holder.token.pk}/revoke", on="/administration/tokens")
    assert authenticate_token(found[1]) is None


def test_conflicts_and_units_are_told(admin: Browser) -> None:
    assert "Nothing conflicts." in admin.get("/administration/conflicts")
    assert "New York" in admin.send("/administration/units", key="new-york", title="New York")


def test_reviews_are_handed_on_and_taken_back(world: Standing) -> None:
    here = "/account/delegations"
    other = Person.objects.create(username="vic", name="Vic", identity="vic")
    Browser(world.people["administrator"], fresh=True).send(
        f"{PEOPLE}/vic/grants", role="validator", scope="organisation", **WHY
    )
    validator = Browser(world.people["validator"], fresh=True)
    given = {"permission": "approval.validate", "scope": "organisation", "valid_to": LATER, **WHY}
    assert "does these reviews for you" in validator.send(here, on=here, to="vic", **given)
    row = Delegation.objects.get(delegate=other)
    review = Browser(other).get(f"/reviews/{world.waiting.pk}")
    assert f"You do this review for {world.people['validator'].name}" in review
    validator.send(f"{here}/{row.pk}/end", on=here)
    assert "You do this review" not in Browser(other).get(f"/reviews/{world.waiting.pk}")


def test_a_review_of_roles_is_opened_and_answered(world: Standing, admin: Browser) -> None:
    here, people = "/administration/campaigns", world.people
    named = f"{people['head-of-model-risk'].username} {people['auditor'].username}"
    given = {"title": "Autumn", "reviewers": named, "due": LATER, "unanswered": "end"}
    assert "Opened: Autumn" in admin.send(here, on=here, scope="organisation", **given)
    campaign = Campaign.objects.get()
    item = campaign.items.get(grant__person=people["validator"])
    head = Browser(item.reviewer)
    assert "You are asked about" in head.get("/")
    page = f"{here}/{campaign.pk}"
    assert "is ended" in head.send(f"{here}/items/{item.pk}/answer", on=page, answer="end", **WHY)
    assert not may(people["validator"], Permission.APPROVAL_VALIDATE)
    assert "not answered for yet" in admin.send(f"{page}/close", on=page)


def test_the_glass_is_broken_by_two_and_everybody_sees_it(world: Standing) -> None:
    here, people = "/break-glass", world.people
    given = {"model": "credit-pd", "version": "2", "environment": "production", "minutes": "30", **WHY}
    officer, head = (Browser(people[r], fresh=True) for r in ("risk-officer", "head-of-model-risk"))
    assert "until a second person agrees" in officer.send(here, on=here, ticket="INC-7", **given)
    row = GlassRequest.objects.get()
    assert "takes a second person" in officer.get(here)
    assert "A finding is open" in head.send(f"{here}/{row.pk}/agree", on=here)
    assert Glass.objects.get(request=row).finding.severity == "high"
    for role in ("developer", "auditor"):
        assert "Break-glass." in Browser(people[role]).get("/")
    assert "has ended" in officer.send(f"{here}/{row.pk}/end", on=here, **WHY)
    assert "Break-glass." not in Browser(people["developer"]).get("/")
