"""Passkeys in a real browser, with an authenticator that the browser plays itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.audit.models import Event
from tests.factories import PASSWORD
from tests.web.site import Site, Visit, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STICK = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}


def told(action: str) -> int:
    """How many events there are of it; asked in a thread, for the browser's driver owns this one."""

    def count() -> int:
        try:
            return Event.objects.filter(action=action).count()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(count).result()


@pytest.fixture
def visit(site: Site, visitor: Visitor, settings) -> Visit:
    """At a host name: browsers make no passkeys for bare addresses."""
    visit = visitor()
    visit.url = settings.BASE_URL = site.url.replace("127.0.0.1", "localhost")
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    devtools = visit.page.context.new_cdp_session(visit.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": STICK})
    return visit


def with_passkey(visit: Visit) -> None:
    visit.sign_in("dev")
    visit.goto("/account/passkey")
    visit.page.get_by_label("Your password").fill(PASSWORD)
    visit.page.get_by_role("button", name="Make the passkey").click()
    visit.page.get_by_text("The passkey is kept").wait_for()


def test_a_passkey_is_made_and_opens_the_next_session(visit: Visit) -> None:
    with_passkey(visit)
    before = told("session.opened")
    visit.goto("/account")
    visit.page.get_by_role("button", name="Sign out").click()
    visit.sign_in("dev")
    assert visit.heading == "Second step"
    visit.page.get_by_role("button", name="Use your passkey").click()
    visit.page.get_by_role("heading", name="My work").wait_for()
    visit.goto("/account")
    row = visit.page.get_by_role("row", name="This device")
    assert "never" not in row.inner_text()
    assert told("session.opened") == before + 1


def test_a_passkey_alone_confirms_before_a_signature(visit: Visit) -> None:
    with_passkey(visit)
    visit.goto("/reauthenticate?next=/models")
    visit.page.get_by_role("button", name="Use your passkey").click()
    visit.page.get_by_role("heading", name="Models").wait_for()
    assert told("reauthentication.passed") >= 2


def test_an_answer_to_another_question_is_refused(visit: Visit) -> None:
    with_passkey(visit)
    visit.goto("/reauthenticate?next=/models")
    visit.page.evaluate(
        """() => { const form = document.querySelector("form[data-passkey]");
        const options = JSON.parse(form.dataset.options); options.challenge = "AAAAAAAAAAAAAAAAAAAAAA";
        form.dataset.options = JSON.stringify(options); }"""
    )
    visit.page.get_by_role("button", name="Use your passkey").click()
    visit.page.get_by_text("not good for this question").wait_for()
    visit.said.clear()  # a refused page stands in the console
