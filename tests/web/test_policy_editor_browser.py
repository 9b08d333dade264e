"""A real browser: a bound edited in the form, the text that follows, a case that turns red, a proposal."""

from __future__ import annotations

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from tests.factories import PASSWORD
from tests.web.site import Site, Visit, Visitor
from tests.web.test_browser import axe

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
EDIT = "/policies/credit-tier1/edit"


def editing(visitor: Visitor, path: str = EDIT, **more: object) -> Page:
    visit: Visit = visitor(**more)
    visit.sign_in("policy-author")
    visit.goto(path)
    return visit.page


def text_of(page: Page) -> str:
    return page.locator("#p-text").input_value()


def test_a_bound_is_edited_in_the_form_and_proposed(site: Site, visitor: Visitor) -> None:
    page = editing(visitor)
    gate = page.locator("section.gate-form").filter(has_text="performance.auc")
    gate.get_by_text("Change it").click()
    gate.get_by_label("At least", exact=True).fill("0.71")
    expect(page.locator("#status")).to_contain_text("102 of 103 cases hold")
    assert "pass: {min: 0.71}" in text_of(page)
    assert "at least 0.71" in gate.locator(".said").inner_text()
    assert (
        "performance.auc boundary: 0.70: the outcome is fail, not pass"
        in page.locator("#cases-told").inner_text()
    )

    page.get_by_role("tab", name="gates.yaml 102/103").click()
    cases, changes = (
        page.locator("#case-text-0"),
        {"boundary: 0.70\n": "boundary: 0.71\n", "[0.71]": "[0.715]"},
    )
    text = cases.input_value()
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    cases.fill(text)
    expect(page.locator("#status")).to_contain_text("103 of 103 cases hold")
    page.get_by_role("button", name="Make it 3.2.0").click()
    expect(page.locator("#status")).to_contain_text("The version fits: MINOR")
    page.get_by_role("button", name="Try every weakening").click()
    expect(page.locator("#weak")).to_contain_text("performance.auc min 0.71 → 0.70")
    cases.fill(text.replace("fails: [0.6999,", "fails: [0.7099,", 1))
    page.get_by_role("button", name="Try every weakening").click()
    expect(page.locator("#weak")).to_contain_text("All were noticed.")

    page.get_by_label("What changes, and why").fill("The floor after the review")
    page.get_by_role("button", name="Propose it for release").click()
    page.get_by_text("a second person releases it").wait_for()
    assert "credit-tier1@3.2.0" in page.locator("h1").inner_text()
    assert "floor 0.70 → 0.71 (stricter)" in page.locator("main").inner_text()


def test_the_text_is_typed_and_the_form_follows(visitor: Visitor) -> None:
    page = editing(visitor)
    text = page.locator("#p-text")
    text.fill(text_of(page).replace("min: 0.70", "min: 0.65", 1))
    expect(page.locator("#f-gates-0-pass-min")).to_have_value("0.65")
    text.fill(text_of(page).replace("enforcement: waivable", "enforcement: perhaps", 1))
    page.get_by_role("link", name="line 29, column 18").first.click()
    assert page.evaluate("document.activeElement.id") == "p-text"
    expect(page.locator("#f-gates-0-enforcement")).to_have_attribute("aria-invalid", "true")


def test_a_gate_is_added_and_focus_goes_to_it(visitor: Visitor) -> None:
    page = editing(visitor)
    page.get_by_label("Check", exact=True).last.fill("calibration.ece")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#status")).to_contain_text("1 fault")
    assert "check: calibration.ece" in text_of(page)
    page.locator("#f-gates-9-pass-max").fill("0.05")
    page.get_by_role("button", name="Write the cases that are missing").click()
    expect(page.locator("#status")).to_contain_text("109 of 109 cases hold")


def test_what_was_typed_is_offered_again_after_signing_in_anew(visitor: Visitor) -> None:
    page = editing(visitor)
    page.locator("#p-text").fill(text_of(page).replace("min: 0.70", "min: 0.66", 1))
    expect(page.locator("#f-gates-0-pass-min")).to_have_value("0.66")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("#p-text").fill(text_of(page).replace("min: 0.66", "min: 0.67", 1))
    page.get_by_role("link", name="sign in again and take it back").click()
    page.get_by_label("Name").fill("policy-author")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.locator("#f-gates-0-pass-min")).to_have_value("0.67")
    assert "min: 0.67" in text_of(page)


def test_without_script_the_button_does_the_same(visitor: Visitor) -> None:
    page = editing(visitor, javascript=False)
    page.locator("section.gate-form summary").first.click()
    page.locator("#f-gates-0-pass-min").fill("0.71")
    page.get_by_role("button", name="Check", exact=True).click()
    assert "pass: {min: 0.71}" in text_of(page)
    assert "102 of 103 cases hold" in page.locator("#status").inner_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_on_a_narrow_screen_nothing_is_wider_than_it(visitor: Visitor, dark: bool) -> None:
    page = editing(visitor, dark=dark, width=320)
    for summary in page.locator("section.gate-form summary").all()[:2]:
        summary.click()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    unnamed = page.evaluate(
        "Array.from(document.querySelectorAll('main input, main select, main textarea'))"
        ".filter(e => e.type !== 'hidden' && !e.hidden && !e.labels.length).map(e => e.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_editor_is_accessible(visitor: Visitor, dark: bool) -> None:
    source = axe()
    page = editing(visitor, dark=dark, bypass_csp=True)
    rules = "['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']"
    told = "violations.map(v => v.id + v.nodes[0].html)"
    ask = f"async () => (await axe.run(document, {{runOnly: {rules}}})).{told}"
    for path in (EDIT, "/policies/new", "/policies/credit-tier1", "/checks", "/checks/performance.auc"):
        page.goto(page.url.split("/policies")[0].split("/checks")[0] + path)
        page.evaluate(source)
        assert page.evaluate(ask) == [], path
