"""Every page in every state: with nothing, with one thing, refused, not there."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import Person
from apps.inventory import commands as inventory
from apps.inventory.models import BusinessUnit
from tests import factories
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")

LISTS = ("/", "/models", "/reviews", "/findings", "/waivers", "/decisions", "/policies", "/costs", "/events")


def records(world: Standing) -> dict[str, str]:
    """A record's address, and a text that stands on its page."""
    failed = world.failed.statement_digest
    return {
        "/models/credit-pd": "deployable to Production?",
        "/models/credit-pd/versions/1": "Who built it",
        f"/runs/{world.queued.pk}": "as soon as a worker is free",
        f"/runs/{world.failed.run_id}": "Did not pass",
        f"/reviews/{world.waiting.pk}": "Who signs",
        f"/reviews/{world.granted.pk}": "granted",
        f"/findings/{world.finding.pk}": world.finding.title,
        f"/decisions/{failed}": "Ask for a waiver",
        f"/admissions/{world.admission.pk}": "It may run",
        f"/reports/{world.report.pk}": "intact, trusted, in time and complete",
        "/policies/baseline-all/2.0.0": "The file as released",
        "/help": "Keys",
    }


def everybody_page(world: Standing) -> list[str]:
    return [*LISTS, *records(world)]


@pytest.mark.parametrize("path", LISTS)
def test_a_list_without_anything_says_why_and_what_would_fill_it(path: str) -> None:
    outsider = factories.person("outsider", "head-of-model-risk", scope="unit", key="markets")
    factories.grant(outsider, "auditor")

    text = plain(Browser(outsider).get(path if path != "/models" else "/models?q=nothing-like-it"))

    assert "None" not in text.split()


def test_lists_say_which_kind_of_nothing_it_is(world: Standing) -> None:
    elsewhere = Browser(world.people["elsewhere"])

    assert "No model yet" in plain(elsewhere.get("/models"))
    assert "No model matches" in plain(elsewhere.get("/models?q=x"))
    assert "Nothing waits for you" in plain(elsewhere.get("/"))
    assert "No review yet" in plain(elsewhere.get("/reviews"))
    assert "No finding" in plain(elsewhere.get("/findings"))
    assert "No waiver" in plain(elsewhere.get("/waivers"))
    assert "No request yet" in plain(elsewhere.get("/decisions"))


def test_records_show_what_they_are(world: Standing) -> None:
    risk = Browser(world.people["risk-officer"])

    for path, words in records(world).items():
        if not path.startswith("/policies"):
            assert words in plain(risk.get(path)), path


def test_refusals_are_pages_with_a_sentence(world: Standing) -> None:
    validator = Browser(world.people["validator"])

    assert "Only the role" in plain(validator.get("/costs", 403))
    assert "Only the role" in plain(validator.get("/events", 403))
    assert "There is no model" in plain(validator.get("/models/nothing", 404))
    assert "Not found" in plain(validator.get("/nothing/here", 404))
    assert "cursor" in plain(validator.get("/models?after=!!", 422))
    assert "holds a character" in plain(validator.get("/models?q=%00", 422))
    validator.get("/models/%00", 404)


def test_visitors_are_sent_to_sign_in_and_back() -> None:
    client = Client()

    answer = client.get("/models?q=loan&tier=1")
    assert answer["Location"] == "/sign-in?next=/models%3Fq%3Dloan%26tier%3D1"
    part = client.get("/runs/00000000-0000-0000-0000-000000000000", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Redirect"]) == (204, "/sign-in?next=/")


def test_no_page_carries_style_or_script_of_its_own(world: Standing) -> None:
    head = world.people["head-of-model-risk"]
    factories.grant(world.people["auditor"], "auditor")
    for path in everybody_page(world):
        if path.startswith("/policies/"):
            continue
        page = Browser(head).get(path)
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert page.count("<form") - page.count('method="get"') == page.count("csrfmiddlewaretoken"), path


def test_headings_are_in_order_and_labels_belong_to_fields(world: Standing) -> None:
    for path in everybody_page(world):
        if path.startswith("/policies/"):
            continue
        page = Browser(world.people["head-of-model-risk"]).get(path)
        levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
        assert levels.count(1) == 1, path
        assert levels[0] == 1, path
        assert all(b <= a + 1 for a, b in pairwise(levels)), (path, levels)
        fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", page)
        named = [f for f in fields if "hidden" not in f]
        ids = {re.search(r'\sid="([^"]+)"', f)[1] for f in named}  # type: ignore[index]
        assert ids <= set(re.findall(r'<label[^>]*\sfor="([^"]+)"', page)), path
        every_id = re.findall(r'\sid="([^"]+)"', page)
        assert len(every_id) == len(set(every_id)), path


def test_every_page_forbids_inline_code_and_caching(world: Standing) -> None:
    answer = Browser(world.people["validator"]).client.get("/models")

    policy = answer["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer["Cache-Control"] == "private, no-store"
    assert "HX-Request" in answer["Vary"]


def test_names_are_inert_wherever_they_stand(world: Standing) -> None:
    inventory.register_model(
        by=world.people["developer"],
        key="xss",
        title="<img src=x onerror=alert(1)>",
        kind="classifier",
        unit=BusinessUnit.objects.get(key="retail"),
        owner=world.people["owner"],
        purpose="<script>alert(2)</script>",
    )
    browser = Browser(world.people["validator"])

    for path in ("/models", "/models/xss", "/models?q=%3Cscript%3E"):
        page = browser.get(path)
        assert "<img src=x" not in page
        assert "<script>alert" not in page


def models_of(number: int, owner: Person) -> None:
    unit = BusinessUnit.objects.get(key="retail")
    for i in range(number):
        inventory.register_model(
            by=factories.developer(),
            key=f"many-{i:03}",
            title=f"Model {i}",
            kind="classifier",
            unit=unit,
            owner=owner,
        )


def test_the_filter_stays_when_paging_and_parts_come_alone(world: Standing) -> None:
    models_of(60, world.people["owner"])
    browser = Browser(world.people["validator"])

    page = browser.get("/models?q=many&kind=classifier")
    after = re.search(r'href="\?([^"]+)">Next 50', page)
    assert after is not None
    assert "q=many" in after[1]
    assert "kind=classifier" in after[1]
    following = browser.get("/models?" + after[1].replace("&amp;", "&"))
    assert "many-059" in following
    assert "10 shown" in plain(following)
    part = browser.get("/models?q=many", **{"HX-Request": "true"})
    assert "<html" not in part
    assert "many-000" in part


def test_pages_ask_the_database_little(world: Standing) -> None:
    models_of(60, world.people["owner"])
    browser = Browser(world.people["head-of-model-risk"])
    browser.get("/help")  # what stands above every page is asked once in ten seconds
    allowed = dict.fromkeys(LISTS, 12) | {
        path: 25 for path in records(world) if not path.startswith("/policies")
    }
    # Ten lists on one page; the deploy gate's whole answer, for two versions, from the facts.
    # A month's costs are added up in nine ways; evidence from elsewhere stands beside a version's own.
    allowed |= {"/": 35, "/costs": 30, "/models/credit-pd": 66, "/models/credit-pd/versions/1": 26}

    # A process that has shown no report yet asks once more.
    allowed |= {path: 26 for path in allowed if path.startswith("/reports/")}

    asked = {path: queries_of(browser, path) for path in allowed}

    assert {path: number for path, number in asked.items() if number > allowed[path]} == {}


def queries_of(browser: Browser, path: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        browser.get(path)
    return len(caught)
