from __future__ import annotations

import html
import re
from functools import partial
from typing import Any

import pytest

from apps.audit.models import Event
from apps.gates.models import PolicyProposal, PolicyRelease
from apps.web.policy_editor import look
from apps.web.policy_editor.pace import Pace, TooFast
from apps.web.policy_editor.tried import tried
from apps.web.views import policy_editor
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")
EDIT = "/policies/credit-tier1/edit"
FLOOR = "f.gates.0.pass.min"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is too fast, and every case is run however busy the machine is."""
    monkeypatch.setattr(policy_editor, "PACE", Pace(burst=10_000))
    monkeypatch.setattr(look, "tried", partial(tried, seconds=600.0))


@pytest.fixture
def author(world: Standing) -> Browser:
    return Browser(factories.person("author", "model-risk-policy"))


def fields(page: str) -> dict[str, str]:
    """Everything that the form of a page would send."""
    found = {}
    for tag in re.findall(r"<input [^>]*>", page):
        said = dict(re.findall(r'(\S+)="([^"]*)"', tag))
        if "name" in said and said.get("type") != "submit":
            found[said["name"]] = html.unescape(said.get("value", ""))
    for tag, text in re.findall(r"<textarea ([^>]*)>\n(.*?)</textarea>", page, re.DOTALL):
        found[dict(re.findall(r'(\S+)="([^"]*)"', tag))["name"]] = html.unescape(text)
    for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        found[name] = html.unescape(chosen[0]) if chosen else ""
    found.pop("csrfmiddlewaretoken", None)
    return found


def slot(page: str, name: str) -> str:
    """What a reader sees in one part of the page that is kept up to date."""
    found = re.search(rf'<(\w+) id="{name}"[^>]*>(.*?)</\1>', page, re.DOTALL)
    assert found, name
    return plain(found[2])


def post(author: Browser, sent: dict[str, Any], *, status: int = 200, **more: str) -> str:
    answer = author.client.post(EDIT, {**sent, **more}, headers={"HX-Request": "true"})
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def test_the_form_and_the_text_are_one_document(author: Browser) -> None:
    before = fields(author.get(EDIT))
    assert before[FLOOR] == "0.70"
    page = post(author, before, **{FLOOR: "0.75"})
    after = fields(page)
    assert after["text"] == before["text"].replace("pass: {min: 0.70}", "pass: {min: 0.75}")
    assert after["text"].startswith("# Consumer-credit models")
    again = fields(post(author, {**after, "text": after["text"].replace("min: 0.75", "min: 0.71")}))
    assert again[FLOOR] == "0.71"


def test_cases_turn_red_and_the_version_is_asked_for(author: Browser) -> None:
    page = post(author, fields(author.get(EDIT)), **{FLOOR: "0.75"})
    assert "warn min 0.72 can never be reached" in plain(page)
    page = post(author, fields(page), **{"f.gates.0.warn.min": "0.80"})
    assert "The model separates good from bad: “Area under the ROC curve” on the data" in plain(page)
    assert "must be at least 0.75. Below 0.80 it warns." in plain(page)
    assert "performance.auc is fail, not pass" in plain(page)
    assert "performance.auc: floor 0.70 → 0.75 (stricter)" in plain(page)
    assert "This is MINOR: the version must be 3.2.0, not 3.1.0." in plain(page)
    page = post(author, fields(page), do="version:3.2.0")
    assert "version: 3.2.0" in fields(page)["text"]
    assert "This is MINOR after credit-tier1@3.1.0, and the version fits." in plain(page)


def test_a_draft_becomes_a_proposal(author: Browser) -> None:
    sent = fields(author.get(EDIT)) | {"f.metadata.title": "Cards & loans", "note": "Clearer"}
    sent = fields(post(author, sent, do="version:3.1.1")) | {"do": "propose"}
    shown = plain(author.send(EDIT, on=EDIT, **sent))
    proposal = PolicyProposal.objects.get(version="3.1.1")
    assert "is offered for release; a second person releases it" in shown
    assert (proposal.note, "title: Cards & loans" in bytes(proposal.text).decode()) == ("Clearer", True)
    assert list(proposal.cases) == ["gates.yaml"]
    assert not PolicyRelease.objects.filter(version="3.1.1").exists()


def test_a_refused_proposal_loses_nothing(author: Browser) -> None:
    sent = fields(author.get(EDIT)) | {"note": "Why not", FLOOR: "0.75", "do": "propose"}
    answer = author.client.post(EDIT, sent)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "It was not proposed." in plain(page)
    assert "pass: {min: 0.75}" in fields(page)["text"]
    assert fields(page)["note"] == "Why not"
    assert fields(page)["case-text-0"] == sent["case-text-0"]


def test_a_policy_from_nothing_gets_a_gate_and_its_cases(author: Browser) -> None:
    page = author.get("/policies/new?start=blank&id=card-limits&title=Limits of cards: all")
    page = post(author, fields(page), do="add-gate", **{"new-check": "fairness.selection_rate_ratio"})
    assert "gates[0].pass.min must be a number, not null" in plain(page)
    page = post(author, fields(page), **{FLOOR: "0.80"})
    assert "has no case under “passes”" in plain(page).replace('"passes"', "“passes”")
    page = post(author, fields(page), do="write-cases")
    assert "1 person signs as validator" in plain(page)
    assert "The policy has faults" not in plain(page)
    assert "cases hold." in slot(page, "status")
    page = post(author, fields(page), do="weaken")
    assert "All were noticed." in plain(page)
    author.send("/policies/new", **{**fields(page), "do": "propose", "note": ""})
    assert PolicyProposal.objects.filter(policy="card-limits", version="1.0.0").exists()


@pytest.mark.parametrize("start", ["released:credit-tier1", "shipped:general-tier2"])
def test_a_copy_takes_the_new_name_with_its_cases(author: Browser, start: str) -> None:
    page = author.get(f"/policies/new?start={start}&id=mine&title=Mine")
    held = fields(page)
    assert "  id: mine\n  version: 1.0.0\n  title: Mine" in held["text"]
    assert "policy: mine" in held["case-text-0"]
    assert "cases hold" in slot(page, "status")
    assert "It is the first version" in plain(page)


def test_a_copy_of_what_is_over_begins_anew(author: Browser) -> None:
    page = author.get("/policies/new?start=shipped:us-sr11-7-legacy&id=mine")
    assert "until: null" in fields(page)["text"]
    assert "cases hold" in slot(page, "status")


def test_a_start_that_does_not_exist_is_refused(author: Browser) -> None:
    assert "such as card-limits" in plain(author.get("/policies/new?start=blank&id=Card Limits", 422))
    author.get("/policies/new?start=shipped:nothing&id=x", 404)
    author.get("/policies/nothing/edit", 404)
    author.get("/policies/credit-tier1/edit?version=9.9.9", 404)


def test_a_gate_is_removed_with_its_lines(author: Browser) -> None:
    before = fields(author.get(EDIT))
    page = post(author, before, do="remove-gate:performance.ks")
    assert "performance.ks" not in fields(page)["text"]
    assert "performance.ks: gate removed" in plain(page)
    assert "has no gate" in plain(post(author, before, do="remove-gate:nothing"))


def test_with_another_check_the_arguments_of_the_old_one_go(author: Browser) -> None:
    before = fields(author.get(EDIT))
    at = next(n for n, v in before.items() if v == "fairness.selection_rate_ratio").split(".")[2]
    page = post(author, before, **{f"f.gates.{at}.check": "performance.gini"})
    gate = fields(page)["text"].split("id: fairness.selection\n")[1].split("- id:")[0]
    assert "with: {dataset: holdout}" in gate
    assert "check: performance.gini" in gate


def test_both_sides_edited_at_once_are_united(author: Browser) -> None:
    before = fields(author.get(EDIT))
    gates = before["text"].index("gates:\n")
    more = "  - {id: new, check: performance.gini, pass: {min: 0.4}}\n"
    moved = before["text"][: gates + 7] + more + before["text"][gates + 7 :]
    after = fields(post(author, {**before, "text": moved}, **{FLOOR: "0.71"}))
    assert "pass: {min: 0.71}" in after["text"]
    assert "{id: new, check: performance.gini, pass: {min: 0.4}}" in after["text"]


def test_what_cannot_be_written_into_the_text_is_said(author: Browser) -> None:
    before = fields(author.get(EDIT))
    page = post(author, {**before, "text": "a: [", FLOOR: "0.71"})
    assert "“At least” could not become “0.71”: the text beside it cannot be read" in plain(page)
    assert fields(page)["text"] == "a: ["


DEEP = "a: " + "[" * 5000
BOMB = "a: &a [x]\n" + "".join(f"k{i}: [{'*a, ' * 9}*a]\n" for i in range(50))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "line 1, column 4 : the anchor"),
        (DEEP, "line 1, column"),
        ("a: 1\na: 2\n", "line 2, column 1 : the key"),
        ("a:\n\tb: 1\n", "line 2, column 1 : a tab cannot indent"),
        ("\ufeffa: 1\n", "byte order mark"),
        ("x" * (300 << 10), "more than 262,144 bytes"),
        ("", "is empty"),
        ("[]", "must be a mapping"),
        ("gates: 3\nkind: Policy\n", "gates must be a list"),
        ("kind: Policy\ngates: [1, [2], {id: [3]}, {id: {}, check: 4}]\nmetadata: []\n", "gates[0]"),
    ],
)
def test_a_text_that_is_no_policy_is_told_where(author: Browser, text: str, said: str) -> None:
    page = post(author, {"text": text, "base": text})
    assert said in plain(page)
    assert fields(page)["text"] == text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("check: performance.auc", "check: performance.aux", "Did you mean"),
        ("pass: {min: 0.70}", "pass: {max: 0.70}", "needs min, not max"),
        ("pass: {min: 0.70}", "pass: {min: 1.5}", "nothing can pass"),
        ("pass: {min: 0.70}", "pass: {min: -0.70}", "everything passes"),
        ("source: firm", "source: law", "law"),
    ],
)
def test_a_fault_of_a_gate_stands_beside_its_field(author: Browser, old: str, new: str, said: str) -> None:
    before = fields(author.get(EDIT))
    page = post(author, {**before, "text": before["text"].replace(old, new, 1)})
    beside = re.findall(r'<p class="wrong" id="f-gates-0-[^"]*" data-slot>([^<]+)</p>', page)
    assert any(said in html.unescape(one) for one in beside)
    assert 'aria-invalid="true"' in page


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("title: The model separates", "title: It separates", "PATCH"),
        ("remind_before: [P60D, P30D, P7D]", "remind_before: [P60D]", "MINOR"),
        ("version: 3.1.0", "version: 4.0.0", "MAJOR"),
    ],
)
def test_the_kind_of_change_is_the_least_that_a_release_takes(
    author: Browser, old: str, new: str, kind: str
) -> None:
    before = fields(author.get(EDIT))
    page = post(author, {**before, "text": before["text"].replace(old, new)})
    assert f"This is {kind}" in slot(page, "changes")


def test_what_it_extends_must_be_released(author: Browser) -> None:
    before = fields(author.get(EDIT))
    text = before["text"].replace("baseline-all@2", "baseline-al@2")
    assert 'Did you mean "baseline-all"?' in plain(post(author, {**before, "text": text}))


def test_checking_writes_nothing(author: Browser) -> None:
    before, events = fields(author.get(EDIT)), Event.objects.count()
    for do in ("check", "weaken", "impact", "write-cases", "add-file", "remove-gate:performance.ks"):
        post(author, before, do=do)
    assert Event.objects.count() == events


def test_hostile_cases_are_told_and_never_fail(author: Browser) -> None:
    before = fields(author.get(EDIT))
    for text in (BOMB, DEEP, "x" * (300 << 10), "[]", "kind: Cases\n", "kind: Cases\nkind: Cases\n"):
        page = post(author, {**before, "case-text-0": text, "case-name-0": "<b>../x"})
        assert "cannot be read" in slot(page, "cases-told")
        assert "<b>" not in page


def test_many_cases_do_not_keep_the_service_busy(author: Browser) -> None:
    before = fields(author.get(EDIT))
    many = "passes: [" + "1, " * 400 + "1]"
    text = re.sub(r"passes: \[[^]]*\]", many, before["case-text-0"])
    gates = "".join(f"  - {{id: g{i}, check: performance.auc, pass: {{min: 0.5}}}}\n" for i in range(200))
    page = post(
        author,
        {**before, "case-text-0": text, "text": before["text"].replace("gates:\n", f"gates:\n{gates}")},
    )
    assert "too many to try on a page" in plain(page)
    assert "further gates are edited in the text" in plain(page)
    assert len(fields(page)) < 1000


def test_titles_and_cases_are_shown_as_text(author: Browser) -> None:
    before = fields(author.get(EDIT))
    evil = '"><script>alert(1)</script>'
    cases = before["case-text-0"] + f"cases:\n  - name: '{evil}'\n    expect: {{outcome: fail}}\n"
    page = post(
        author, {**before, "case-text-0": cases}, **{"f.gates.0.title": evil, "f.metadata.title": evil}
    )
    assert "<script>alert" not in page
    assert evil in fields(page)["f.gates.0.title"]
    assert evil in plain(page)


def test_a_document_without_script_is_a_whole_page(author: Browser) -> None:
    answer = author.client.post(EDIT, fields(author.get(EDIT)) | {"do": "check"})
    page = answer.content.decode()
    assert page.startswith("<!doctype html>")
    assert "data-gate" in page
    assert "style=" not in page
    assert re.findall(r"<script(?! src)", page) == []


def test_weakenings_are_tried_a_part_at_a_time(author: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_editor, "_PART", 0.0)
    before = fields(author.get(EDIT))
    page = post(author, before, do="weaken")
    assert "1 of 37 weakenings tried." in plain(page)
    assert 'data-next="1"' in page
    page = post(author, before, do="weaken", **{"from": "36"})
    assert "37 of 37 weakenings tried." in plain(page)


def test_the_impact_is_shown_and_writes_nothing(author: Browser) -> None:
    held = PolicyProposal.objects.count()
    page = post(author, fields(author.get(EDIT)), do="impact")
    assert "decisions would change" in slot(page, "impact")
    assert PolicyProposal.objects.count() == held


def test_nobody_else_may_look_or_send(world: Standing) -> None:
    for name in ("validator", "risk-officer", "developer", "administrator"):
        other = Browser(world.people[name])
        other.get(EDIT, 403)
        other.get("/policies/new?start=blank&id=x", 403)
        assert other.client.post(EDIT, {"text": "a: 1", "do": "propose"}).status_code == 403


def test_whoever_was_signed_out_is_sent_to_sign_in_by_the_page(author: Browser) -> None:
    author.client.logout()
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{EDIT}"}
    answer = author.client.post(EDIT, {}, headers=headers)
    assert (answer.status_code, EDIT in answer["HX-Redirect"]) == (204, True)


def test_too_many_checks_are_refused_for_a_while(author: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_editor, "PACE", Pace(burst=2, per_second=0))
    for _ in range(2):
        post(author, {"text": "a: 1"})
    assert "Please wait a moment" in post(author, {"text": "a: 1"}, status=429)


def test_the_pace_comes_back_with_time() -> None:
    now = [0.0]
    pace = Pace(burst=1, per_second=0.5, clock=lambda: now[0])
    pace.take("ann")
    pace.take("ben")
    with pytest.raises(TooFast):
        pace.take("ann")
    now[0] = 2.0
    pace.take("ann")


def test_a_policy_is_shown_with_cases_versions_and_statement(world: Standing) -> None:
    reader = Browser(world.people["auditor"])
    page = reader.get("/policies/credit-tier1")
    release = PolicyRelease.objects.get(policy="credit-tier1")
    assert "models in production where model.tier is 1" in plain(page)
    assert f"/api/v1/statements/{release.statement_digest}" in page
    assert '/checks/performance.auc"' in page
    assert "103 of 103 hold" in plain(page)
    assert "security.artifact" in plain(page)
    assert "/edit" not in page
    reader.get("/policies/nothing", 404)


def test_two_versions_are_compared_in_words(author: Browser, world: Standing) -> None:
    sent = fields(post(author, fields(author.get(EDIT)), **{"f.metadata.title": "Other"}, do="version:3.1.1"))
    author.send(EDIT, **{**sent, "do": "propose", "note": ""})
    proposal = PolicyProposal.objects.get(version="3.1.1")
    second = Browser(factories.person("second", "model-risk-policy"), fresh=True)
    second.send(f"/policies/proposals/{proposal.pk}/release")
    page = plain(second.get("/policies/credit-tier1"))
    assert "What changed from 3.1.0 to 3.1.1" in page
    assert "before production → Other (text only)" in page
    assert "What changed from 3.1.1 to 3.1.0" in plain(
        second.get("/policies/credit-tier1/3.1.0?against=3.1.1")
    )


def test_a_check_says_what_it_measures(author: Browser) -> None:
    assert "fairness.selection_rate_ratio" in author.get("/checks")
    assert "higher is better" in plain(author.get("/checks/fairness.selection_rate_ratio"))
    author.get("/checks/nothing", 404)
