from __future__ import annotations

import pytest

from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")


def test_every_framework_says_how_much_of_it_is_served(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get("/coverage"))
    assert "Revised Guidance on Model Risk Management" in shown
    assert "superseded by us-sr26-2" in shown


def test_a_control_names_its_gates_its_models_and_how_sure_the_citation_is(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get("/coverage/us-sr26-2"))
    assert "US26-11" in shown
    assert "of credit-tier1" in shown
    assert "nothing released; owed:" in shown


def test_an_unknown_framework_is_not_there(world: Standing) -> None:
    assert "There is no framework nowhere" in plain(
        Browser(world.people["auditor"]).get("/coverage/nowhere", status=404)
    )


def test_a_rescinded_text_says_what_still_names_it(world: Standing) -> None:
    shown = plain(Browser(world.people["auditor"]).get("/coverage/us-sr11-7-legacy"))
    assert "us-sr11-7-legacy is still named by no policy" in shown


def test_what_a_pack_would_serve_is_offered_until_it_is_in_force(world: Standing) -> None:
    auditor = Browser(world.people["auditor"])
    shown = plain(auditor.get("/coverage/ca-osfi-e23"))
    assert "The pack ca-osfi-e23@1.0.0 is not released and begins on 1 May 2027" in shown
    assert "offered: gate e23.population" in shown
    assert "us-sr11-7-legacy@1.0.0 ended on 17 Apr 2026" in plain(auditor.get("/coverage/us-sr11-7-legacy"))
