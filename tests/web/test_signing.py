"""Signing over HTTP: sign in, prove it again, sign; and everything that is refused on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.access.throttle import PER_ACCOUNT_AND_ADDRESS
from apps.approvals.models import SignOff
from apps.approvals.queries import shown_digest
from apps.web.pages import REAUTHENTICATED
from tests.factories import PASSWORD
from tests.flows import bank
from tests.standing import Standing
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.usefixtures("world")


def sign(browser: Browser, world: Standing, meaning: str = "approve", **changes: str) -> str:
    path = f"/reviews/{world.waiting.pk}"
    fields = {
        "meaning": meaning,
        "reason": "I looked at every gate.",
        "shown_digest": shown_digest(world.waiting),
    }
    return browser.send(f"{path}/sign", on=path, back=path, **{**fields, **changes})


def test_the_whole_way_from_the_password_to_the_signature(world: Standing) -> None:
    browser, path = Browser(), f"/reviews/{world.waiting.pk}"

    shown = browser.send("/sign-in", username="val", password=PASSWORD, next=path)
    assert "Go to signing" in shown
    assert shown_digest(world.waiting) in shown
    told = sign(browser, world)

    assert "Your signature is in the record" in told
    assert "You have signed this already" in plain(told)
    assert SignOff.objects.filter(approval=world.waiting, person=world.people["validator"]).count() == 1


def test_both_signatures_grant_it(world: Standing) -> None:
    sign(Browser(world.people["validator"], fresh=True), world)
    told = plain(sign(Browser(world.people["risk-officer"], fresh=True), world))

    world.waiting.refresh_from_db()
    assert world.waiting.state == "granted"
    assert told.count("I looked at every gate.") == 2


def test_without_a_fresh_password_one_is_asked_for_and_nothing_typed_is_lost(world: Standing) -> None:
    browser, path = Browser(world.people["validator"]), f"/reviews/{world.waiting.pk}"
    assert "Confirm that it is you" in browser.get(path)

    asked = sign(browser, world, reason="Long considered.")
    assert "Password of val" in asked
    assert "needs one from the last 15 minutes" in plain(asked)
    back = browser.send("/reauthenticate", password=PASSWORD, next=path)

    assert "Long considered." in back
    assert not SignOff.objects.filter(approval=world.waiting).exists()


def test_an_old_password_does_not_count(world: Standing) -> None:
    browser = Browser(world.people["validator"], fresh=True)
    session = browser.client.session
    session[REAUTHENTICATED] = (timezone.now() - timedelta(minutes=16)).isoformat()
    session.save()

    assert "Password of val" in sign(browser, world)


def test_a_page_that_is_out_of_date_cannot_be_signed(world: Standing) -> None:
    told = sign(Browser(world.people["validator"], fresh=True), world, shown_digest="sha256:" + "0" * 64)

    assert "out of date" in told
    assert "I looked at every gate." in told
    assert not SignOff.objects.filter(approval=world.waiting).exists()


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("developer", "Only a"),
        ("auditor", "Only a"),
        ("head-of-model-risk", "Only a"),
    ],
)
def test_whoever_may_not_sign_reads_why_beside_the_greyed_buttons(
    world: Standing, role: str, words: str
) -> None:
    browser = Browser(world.people[role], fresh=True)
    page = browser.get(f"/reviews/{world.waiting.pk}")

    assert words in plain(page)
    assert 'value="approve" disabled' in page
    sign(browser, world)
    assert not SignOff.objects.filter(approval=world.waiting).exists()


def test_what_others_signed_is_hidden_until_all_have(world: Standing) -> None:
    bank.signed(world.waiting, world.people["validator"])

    page = plain(Browser(world.people["risk-officer"]).get(f"/reviews/{world.waiting.pk}"))

    assert "stays hidden until all have signed" in page
    assert "I looked at every gate." not in page


def test_a_grant_is_revoked_only_by_who_may(world: Standing) -> None:
    path = f"/reviews/{world.granted.pk}"
    Browser(world.people["developer"], fresh=True).client.post(f"{path}/revoke", {"reason": "x"})
    world.granted.refresh_from_db()
    assert world.granted.state == "granted"

    told = Browser(world.people["risk-officer"], fresh=True).send(
        f"{path}/revoke", on=path, reason="It drifts."
    )

    world.granted.refresh_from_db()
    assert world.granted.state == "revoked"
    assert "denies from this second on" in told


def test_a_wrong_password_never_says_what_was_wrong_and_is_slowed(world: Standing) -> None:
    client = Client()
    answers = [
        client.post("/sign-in", {"username": name, "password": "wrong"})
        for name in ("val", "nobody", *["val"] * PER_ACCOUNT_AND_ADDRESS)
    ]

    assert [a.status_code for a in answers[:2]] == [403, 403]
    assert "do not belong together" in answers[0].content.decode()
    assert "do not belong together" in answers[1].content.decode()
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example/", "javascript:alert(1)", "\\\\evil"]
)
def test_after_signing_in_one_stays_here(world: Standing, onward: str) -> None:
    answer = Client().post("/sign-in", {"username": "val", "password": PASSWORD, "next": onward})

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_session_gets_a_new_name_with_each_proof_and_ends_with_signing_out(world: Standing) -> None:
    client = Client()
    client.get("/sign-in")
    client.post("/sign-in", {"username": "val", "password": PASSWORD})
    first = client.cookies["sessionid"].value
    client.post("/reauthenticate", {"password": PASSWORD})
    second = client.cookies["sessionid"].value
    client.post("/sign-out")

    assert first != second
    for old in (first, second):
        client.cookies["sessionid"] = old
        assert client.get("/").status_code == 302


def test_a_role_that_ends_ends_at_once(world: Standing) -> None:
    browser = Browser(world.people["validator"], fresh=True)
    for held in world.people["validator"].grants.all():
        held.valid_to = timezone.now()
        held.save()

    browser.get(f"/reviews/{world.waiting.pk}", 404)


def test_a_report_is_signed_on_its_page(world: Standing) -> None:
    browser, path = Browser(world.people["risk-officer"], fresh=True), f"/reports/{world.report.pk}"
    digest = browser.get(path).partition('name="shown_digest" value="')[2].partition('"')[0]

    told = browser.send(f"{path}/sign", on=path, meaning="approved", shown_digest=digest)

    assert "your signature is inside the PDF" in told
    assert "2 signatures intact" in told
    assert Client().get(f"{path}/file.pdf").status_code == 302
    pdf = browser.client.get(f"{path}/file.pdf")
    assert pdf.content.startswith(b"%PDF")
    assert pdf["Content-Type"] == "application/pdf"


def test_a_finding_goes_its_way_on_pages(world: Standing) -> None:
    path = f"/findings/{world.finding.pk}"
    developer, validator = Browser(world.people["developer"]), Browser(world.people["validator"])

    assert "a validator looks at it next" in developer.send(f"{path}/remediate", on=path, plan="Moved it.")
    assert "Only the role" in developer.get(path)
    assert "Closed." in validator.send(f"{path}/close", on=path, closure="Looked at the new run.")


def test_a_form_from_elsewhere_is_refused_with_our_own_page(world: Standing) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["developer"], backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post(f"/findings/{world.finding.pk}/remediate", {"plan": "x"})

    assert answer.status_code == 403
    assert "The form has expired" in answer.content.decode()
