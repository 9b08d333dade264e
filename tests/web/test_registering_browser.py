"""A version registered in a real browser: its files go in pieces, and what was understood is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import factories
from tests.web.site import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_version_is_registered_from_files(visitor: Visitor, tmp_path: Path, javascript: bool) -> None:
    data = tmp_path / "holdout.csv"
    data.write_bytes(factories.table(900))
    visit = visitor(javascript=javascript, dark=javascript, width=320)
    visit.sign_in("dev")
    visit.goto("/models/credit-pd/versions/new")
    page = visit.page
    page.get_by_label("Holdout").set_input_files(data)
    page.get_by_role("button", name="Look into the files").click()
    page.get_by_label("Version", exact=True).fill("21")
    page.get_by_label("Outcome (label)").select_option("defaulted")
    page.get_by_label("The value that the score predicts").fill("1")
    page.get_by_label("The outcome that is good for the person").fill("0")
    page.get_by_label("Score", exact=True).select_option("pd")
    page.get_by_label("Threshold", exact=True).fill("0.5")
    page.get_by_label("sex").check()
    page.get_by_role("button", name="See what was understood").click()
    assert "Register credit-pd@21" in visit.heading
    assert "F (450), M (450)" in page.locator("main").inner_text()
    page.get_by_role("button", name="Register 21", exact=True).click()
    page.wait_for_url("**/versions/21")
    assert visit.heading == "Version 21"
