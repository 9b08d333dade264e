"""Each shipped role as a person would walk: sign in, see what is to do, do it, be refused the next act."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from django.test import Client

from apps.access.models import RoleGrant
from apps.approvals.models import Approval, Finding
from apps.gates.models import PolicyProposal, Run
from tests import factories
from tests.api.asking import Asker
from tests.flows import bank
from tests.standing import Standing, standing_bank, world
from tests.web.browsing import plain

__all__ = ["standing_bank", "world"]
HERE = "http://testserver"


class Walk:
    """Somebody at a browser: the password, cookies, and only forms that stand on the pages."""

    def __init__(self, world: Standing, role: str) -> None:
        self.client = Client(enforce_csrf_checks=True)
        person = world.people[role]
        self.send("/sign-in", "/sign-in", username=person.username, password=factories.PASSWORD)
        self.first = plain(self.open("/"))
        assert "My work" in self.first

    def open(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path, follow=True)
        assert answer.status_code == status, (path, answer.status_code)
        return answer.content.decode()

    def send(self, on: str, action: str, **typed: Any) -> str:
        """Fill in a form that stands on a page; what the person reads afterwards."""
        return plain(self._sent(on, action, self._form(on, action), typed).content.decode())

    def refused(self, on: str, action: str, status: int = 403, **typed: Any) -> None:
        """Send what no page offers: refused all the same."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]*)"', self.open("/account"))
        token = {"csrfmiddlewaretoken": found[1] if found else ""}
        answer = self.client.post(action, {**token, **typed})
        assert answer.status_code == status, (action, answer.status_code)

    def _form(self, on: str, action: str) -> Mapping[str, str]:
        page = self.open(on)
        for where, inside in re.findall(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', page, re.DOTALL):
            if html.unescape(where) == action:
                return _fields(inside)
        own = re.findall(r"<form(?![^>]*action=)[^>]*>(.*?)</form>", page, re.DOTALL)
        assert own, f"{on} has no form for {action}"
        return _fields(own[0])

    def _sent(self, on: str, action: str, held: Mapping[str, str], typed: Mapping[str, Any]) -> Any:
        answer = self.client.post(action, {**held, **typed}, headers={"Referer": HERE + on}, follow=True)
        assert answer.status_code in (200, 201), (
            action,
            answer.status_code,
            plain(answer.content.decode())[:400],
        )
        return answer

    def prove(self) -> None:
        """The password once more, before something is signed."""
        self.send("/reauthenticate", "/reauthenticate", password=factories.PASSWORD)


def _fields(form: str) -> dict[str, str]:
    """The hidden and typed inputs, and the choice that stands, of a form."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, kind = re.search(r'name="([^"]*)"', tag), re.search(r'type="([^"]*)"', tag)
        if name and not (kind and kind[1] in ("submit", "checkbox", "radio", "file")):
            value = re.search(r'value="([^"]*)"', tag)
            found[name[1]] = html.unescape(value[1]) if value else ""
    for name, inside in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]*selected', inside)
        first = chosen or re.search(r'<option value="([^"]*)"', inside)
        found[name] = html.unescape(first[1]) if first else ""
    return found


def test_a_developer_takes_back_submits_again_and_cannot_sign(world: Standing) -> None:
    dev = Walk(world, "developer")
    assert "credit-pd@2" in dev.first.partition("I am waiting for")[2]
    review = f"/reviews/{world.waiting.pk}"
    dev.send(review, f"{review}/withdraw", reason="One more look.")
    there = "/models/credit-pd/versions/2/submit"
    assert "Submitted." in dev.send(f"{there}?use={world.waiting.use.key}", there)
    again = Approval.objects.get(version=world.waiting.version, state="open")
    assert "disabled" in dev.open(f"/reviews/{again.pk}").partition('id="sign"')[2]
    dev.refused("/", f"/reviews/{again.pk}/sign", meaning="approve", reason="x", shown_digest="x")


def test_an_owner_attests_ends_a_use_and_opens_no_finding(world: Standing) -> None:
    owner = Walk(world, "owner")
    assert "attested the entry" in owner.send("/models/credit-pd", "/models/credit-pd/attest")
    use = world.granted.use.key
    ended = owner.send(
        "/models/credit-pd", f"/models/credit-pd/uses/{use}/retire", reason="The product ended."
    )
    assert f"The use {use} has ended" in ended
    assert "Open a finding" not in plain(owner.open("/models/credit-pd"))
    owner.refused("/", "/models/credit-pd/findings", title="x", severity="low", due="2099-01-01")


def test_a_validator_signs_what_waits_and_cannot_release_what_is_the_officers(world: Standing) -> None:
    validator = Walk(world, "validator")
    assert "Review for" in validator.first
    review = f"/reviews/{world.waiting.pk}"
    validator.prove()
    assert "Signed." in validator.send(review, f"{review}/sign", meaning="approve", reason="Sound.")
    assert "You have signed this already" in plain(validator.open(review))
    validator.refused("/", f"/reviews/{world.granted.pk}/revoke", reason="x")


def test_a_risk_officer_completes_the_review_with_a_limit_and_grants_no_waiver(world: Standing) -> None:
    bank.signed(world.waiting, world.people["validator"])
    officer = Walk(world, "risk-officer")
    assert "Review for" in officer.first
    officer.prove()
    review = f"/reviews/{world.waiting.pk}"
    officer.send(
        review, f"{review}/sign", meaning="approve", reason="Within appetite.", limit_exposure="1000"
    )
    world.waiting.refresh_from_db()
    assert (world.waiting.state, world.waiting.limits["max_exposure_eur"]) == ("granted", "1000")
    officer.refused("/", f"/waivers/requests/{world.waiver.pk}", answer="grant")


def test_a_committee_member_reads_and_asks_and_revokes_nothing(world: Standing) -> None:
    member = Walk(world, "committee")
    review = f"/reviews/{world.waiting.pk}"
    assert "Which region?" in member.send(review, f"{review}/say", text="Which region?", gate="")
    assert "Only a" in plain(member.open(review))
    member.refused("/", f"{review}/sign", meaning="approve", reason="x", shown_digest="x")
    member.refused("/", f"/reviews/{world.granted.pk}/revoke", reason="x")


def test_the_head_of_model_risk_answers_a_waiver_and_signs_no_review(world: Standing) -> None:
    head = Walk(world, "head-of-model-risk")
    assert f"Waiver of {world.waiver.gate} asked for" in head.first
    head.prove()
    action = f"/waivers/requests/{world.waiver.pk}"
    assert "Granted for the time shown." in head.send("/waivers", action, answer="grant")
    world.waiver.refresh_from_db()
    assert world.waiver.waiver is not None
    head.refused("/", f"/reviews/{world.waiting.pk}/sign", meaning="approve", reason="x", shown_digest="x")


def test_a_policy_author_sees_a_proposal_and_does_not_release_their_own(world: Standing) -> None:
    author = Walk(world, "model-risk-policy")
    row = PolicyProposal.objects.get(policy="baseline-all")
    assert "baseline-all" in plain(author.open(f"/policies/proposals/{row.pk}"))
    if row.proposed_by == world.people["model-risk-policy"]:
        author.prove()
        author.refused("/", f"/policies/proposals/{row.pk}/release")
    author.refused("/", "/models/credit-pd/tier/assign", purpose="pricing", rationale="x")


def test_an_auditor_reads_the_trail_takes_a_list_home_and_changes_nothing(world: Standing) -> None:
    auditor = Walk(world, "auditor")
    assert "approval.granted" in plain(auditor.open("/events?action=approval.granted"))
    answer = auditor.client.get("/exports")
    assert answer.status_code == 200
    auditor.refused("/", f"/findings/{world.finding.pk}/remediate", plan="x")
    auditor.refused("/", "/models/credit-pd/attest")


def test_an_administrator_makes_a_person_gives_a_role_and_sees_no_evidence(world: Standing) -> None:
    admin = Walk(world, "administrator")
    admin.prove()
    said = admin.send(
        "/administration/people",
        "/administration/people/add",
        username="nina",
        name="Nina New",
        password="correct horse battery",
    )
    assert "nina" in said
    page = "/administration/people/nina"
    admin.send(page, f"{page}/grants", role="auditor", scope="organisation", scope_key="", reason="joins")
    assert RoleGrant.objects.filter(person__username="nina", role="auditor").exists()
    admin.open("/models/credit-pd", status=404)
    admin.open(f"/reviews/{world.waiting.pk}", status=404)


def test_a_pipeline_asks_is_told_no_with_reasons_and_approves_nothing(world: Standing) -> None:
    pipeline = Asker(world.tokens["pipeline"])
    asked = {"model": "card-limit", "version": "1", "environment": "production"}
    told = pipeline.post("/admissions", asked).json()
    assert told["outcome"] == "deny"
    assert told["reasons"]
    run = pipeline.post("/runs", {"model": "credit-pd", "version": "2"}, key="once").json()
    assert Run.objects.filter(pk=run["id"]).exists()
    sign = f"/approvals/{world.waiting.pk}/sign"
    body = {"meaning": "approve", "reason": "x", "shown_digest": "x"}
    assert pipeline.post(sign, body).status_code == 403
    assert not Finding.objects.filter(opened_by=world.people["pipeline"]).exists()
