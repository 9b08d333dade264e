"""A real browser: signing by keyboard, without script, in the dark, on a narrow screen, on paper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.site import Site, Visit, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = (
    "/",
    "/models",
    "/models/credit-pd",
    "/models/credit-pd/tier?judge=1&purpose=marketing",
    "/models/credit-pd/regimes",
    "/models/credit-pd/determination?judge=1&theory=yes",
    "/models/credit-pd/versions/1",
    "/models/credit-pd/documents",
    "/models/credit-pd/entry",
    "/models/credit-pd/vendor",
    "/queue",
    "/reviews",
    "/findings",
    "/waivers",
    "/decisions",
    "/policies",
    "/reports",
    "/verify",
    "/scorecard",
    "/costs",
    "/events",
    "/health",
    "/retention",
    "/help",
    "/reauthenticate",
)
DEVELOPERS = ("/models/credit-pd/versions/new",)
AUDITORS = ("/exports",)


def records(site: Site) -> list[str]:
    bank = site.bank
    return [
        f"/reviews/{bank.waiting.pk}",
        f"/reports/{bank.report.pk}",
        f"/runs/{bank.failed.run_id}",
        f"/runs/{bank.queued.pk}",
        f"/decisions/{bank.failed.statement_digest}",
        f"/admissions/{bank.admission.pk}",
        f"/findings/{bank.finding.pk}",
    ]


def every_page(site: Site, visit: Visit) -> Iterator[str]:
    """Each page, opened by somebody whom it is for."""
    for username, paths in (("head", (*PAGES, *records(site))), ("dev", DEVELOPERS), ("a-auditor", AUDITORS)):
        visit.page.context.clear_cookies()
        visit.sign_in(username)
        for path in paths:
            visit.goto(path)
            yield path


def test_from_the_list_to_the_review_and_signed_by_keyboard_alone(site: Site, visitor: Visitor) -> None:
    visit = visitor()
    visit.sign_in("val")
    page, keys = visit.page, visit.page.keyboard
    assert visit.heading == "My work"

    keys.press("g")
    keys.press("m")
    page.wait_for_url("**/models")
    keys.press("j")
    assert "card-limit" in page.locator(":focus").inner_text()
    keys.press("Enter")
    page.wait_for_url("**/models/card-limit")
    visit.goto(f"/reviews/{site.bank.waiting.pk}")
    page.get_by_role("link", name="Go to signing").focus()
    keys.press("Enter")
    page.get_by_label("Reason", exact=True).focus()
    keys.type("I looked at every gate.")
    while page.locator(":focus").inner_text() != "Approve":
        keys.press("Tab")
    assert page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    keys.press("Enter")

    page.get_by_text("Your signature is in the record.").wait_for()
    assert page.get_by_role("button", name="Approve").is_disabled()


def test_everything_that_matters_works_without_script(site: Site, visitor: Visitor) -> None:
    visit = visitor(javascript=False)
    visit.sign_in("val")
    visit.goto("/models")
    visit.page.get_by_label("Search").fill("card")
    visit.page.get_by_role("button", name="Filter").click()
    assert "q=card" in visit.page.url
    assert visit.page.locator("main tbody tr").count() == 1

    visit.goto(f"/reviews/{site.bank.waiting.pk}")
    visit.page.get_by_label("Reason", exact=True).fill("Nothing speaks against it.")
    visit.page.get_by_role("button", name="Approve").click()
    assert visit.page.get_by_text("Your signature is in the record.").is_visible()
    visit.page.get_by_role("button", name="Sign out").click()
    assert visit.heading == "Sign in"


def test_the_list_is_filtered_while_one_types_and_is_announced(visitor: Visitor) -> None:
    visit = visitor()
    visit.sign_in("val")
    visit.goto("/models")

    visit.page.keyboard.press("/")
    visit.page.keyboard.type("card")

    visit.page.get_by_text("1 shown").wait_for()
    assert "q=card" in visit.page.url
    assert visit.page.locator("#announcements").inner_text() == "1 models shown"


def test_a_theme_is_kept(visitor: Visitor) -> None:
    visit = visitor()
    visit.sign_in("val")
    visit.page.get_by_role("button", name="Dark").click()

    visit.goto("/models")

    assert visit.page.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    assert background(visit) == "rgb(22, 24, 28)"


def background(visit: Visit) -> str:
    return str(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_follows_the_system_and_paper_stays_light(site: Site, visitor: Visitor) -> None:
    visit = visitor(dark=True)
    visit.sign_in("val")
    assert background(visit) == "rgb(22, 24, 28)"

    visit.goto(f"/reviews/{site.bank.waiting.pk}")
    visit.page.emulate_media(media="print", color_scheme="dark")

    assert background(visit) == "rgb(255, 255, 255)"
    assert not visit.page.locator(".rail").is_visible()
    assert not visit.page.locator("button:visible, a.button:visible").count()
    assert visit.page.locator(".gate details p").first.is_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(site: Site, visitor: Visitor, width: int) -> None:
    visit = visitor(width=width)
    wide = []
    for path in every_page(site, visit):
        if visit.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)

    assert wide == []


def test_a_queued_run_asks_for_its_progress_until_it_is_cancelled(site: Site, visitor: Visitor) -> None:
    visit = visitor()
    visit.sign_in("dev")
    visit.goto(f"/runs/{site.bank.queued.pk}")

    with visit.page.expect_response(lambda r: r.request.headers.get("hx-request") == "true"):
        pass
    visit.page.get_by_role("button", name="Cancel").click()

    visit.page.get_by_text("The run was cancelled.").wait_for()
    assert visit.page.locator("#progress[hx-get]").count() == 0


def axe() -> str:
    """The source of axe-core, where AXE_CORE names it."""
    place = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
    if not place.is_file():
        pytest.skip("axe-core is not there: npm install axe-core, and AXE_CORE=…/axe.min.js")
    return place.read_text()


@pytest.mark.parametrize("dark", [False, True])
def test_pages_are_accessible(site: Site, visitor: Visitor, dark: bool) -> None:
    source, visit = axe(), visitor(dark=dark, bypass_csp=True)
    rules = "['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']"
    ask = f"async () => (await axe.run(document, {{runOnly: {rules}}})).violations.map(v => v.id)"
    found = {}
    for path in every_page(site, visit):
        visit.page.evaluate(source)
        found[path] = visit.page.evaluate(ask)

    assert {path: ids for path, ids in found.items() if ids} == {}
