"""The administration in a real browser: narrow, dark, for everybody."""

from __future__ import annotations

import pytest

from tests.web.site import Visit, Visitor
from tests.web.test_browser import axe

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = (
    "/administration",
    "/administration/people",
    "/administration/people/val",
    "/administration/roles",
    "/administration/roles/validator",
    "/administration/conflicts",
    "/administration/campaigns",
    "/administration/tokens",
    "/administration/units",
    "/account/delegations",
)


def administrator(visitor: Visitor, **more: object) -> Visit:
    visit = visitor(**more)
    visit.sign_in("admin")
    return visit


def test_no_page_is_wider_than_the_narrowest_screen(visitor: Visitor) -> None:
    visit = administrator(visitor, width=320)
    wide = []
    for path in PAGES:
        visit.goto(path)
        if visit.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)

    assert wide == []


@pytest.mark.parametrize("dark", [False, True])
def test_pages_are_accessible(visitor: Visitor, dark: bool) -> None:
    source, visit = axe(), administrator(visitor, dark=dark, bypass_csp=True)
    rules = "['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']"
    ask = f"async () => (await axe.run(document, {{runOnly: {rules}}})).violations.map(v => v.id)"
    found = {}
    for path in PAGES:
        visit.goto(path)
        visit.page.evaluate(source)
        found[path] = visit.page.evaluate(ask)

    assert {path: ids for path, ids in found.items() if ids} == {}
