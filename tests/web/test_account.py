from __future__ import annotations

import re
import time

import pytest

from apps.access import codes
from apps.access.models import SecondFactor
from apps.access.queries import session_handle, sessions_of
from apps.audit.models import Event
from tests import factories
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.django_db
NEW = "another-long-password"


def at_the_door(username="dev", password=factories.PASSWORD):
    browser = Browser()
    return browser, browser.send("/sign-in", username=username, password=password, next="/account")


def key_on(shown: str) -> bytes:
    import base64

    spelt = re.search(r"Key: <span class=\"mono\">([A-Z2-7 ]+)<", shown)
    assert spelt
    return base64.b32decode(spelt[1].replace(" ", ""))


def with_authenticator(browser: Browser) -> tuple[bytes, str]:
    secret = key_on(browser.get("/account/authenticator"))
    code = codes.code_at(secret, time.time() - codes.STEP_SECONDS)
    shown = browser.send("/account/authenticator", name="Phone", code=code, password=factories.PASSWORD)
    return secret, shown


def test_an_authenticator_is_added_and_then_asked_for():
    factories.developer()
    browser, _ = at_the_door()
    secret, shown = with_authenticator(browser)
    assert len(re.findall(r"[a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}", shown)) == codes.RECOVERY_CODES
    again, asked = at_the_door()
    assert "Second step" in asked
    assert "/sign-in?next=" in again.client.get("/account").headers["Location"]
    inside = again.send("/sign-in/second", code=codes.code_at(secret, time.time()))
    assert "Your account" in inside
    assert Event.objects.filter(action="session.opened").count() == 2


def test_a_wrong_code_opens_nothing():
    factories.developer()
    with_authenticator(at_the_door()[0])
    again, _ = at_the_door()
    answer = again.client.post("/sign-in/second", {"code": "000000"})
    assert answer.status_code == 403
    assert again.client.get("/account").status_code == 302


def test_the_second_step_waits_five_minutes(monkeypatch):
    factories.developer()
    secret, _ = with_authenticator(at_the_door()[0])
    again, _ = at_the_door()
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    answer = again.client.post("/sign-in/second", {"code": codes.code_at(secret, later)})
    assert answer.headers["Location"] == "/sign-in"


def test_the_second_step_is_nobodys_without_the_first():
    answer = Browser().client.get("/sign-in/second")
    assert answer.headers["Location"] == "/sign-in"


def test_a_factor_is_not_added_with_a_wrong_password():
    factories.developer()
    browser, _ = at_the_door()
    secret = key_on(browser.get("/account/authenticator"))
    code = codes.code_at(secret, time.time())
    shown = browser.send(
        "/account/authenticator", on="/account/authenticator", name="x", code=code, password="wrong"
    )
    assert "This is not your password." in plain(shown)
    assert not SecondFactor.objects.exists()


def test_removing_a_factor_needs_a_fresh_proof():
    dev = factories.developer()
    browser, _ = at_the_door()
    with_authenticator(browser)
    factor = SecondFactor.objects.get()
    stale = Browser(dev)
    assert "Confirm that it is you" in stale.send(f"/account/factors/{factor.pk}/remove", on="/account")
    assert "is removed." in plain(browser.send(f"/account/factors/{factor.pk}/remove", on="/account"))


def test_nobody_removes_the_factor_of_another():
    factories.developer()
    with_authenticator(at_the_door()[0])
    stranger = Browser(factories.validator(), fresh=True)
    answer = stranger.client.post(f"/account/factors/{SecondFactor.objects.get().pk}/remove")
    assert answer.status_code == 404


def test_a_changed_password_ends_the_other_sessions_and_not_this_one():
    dev = factories.developer()
    (here, _), (there, _) = at_the_door(), at_the_door()
    shown = here.send("/account/password", on="/account", old_password=factories.PASSWORD, password=NEW)
    assert "1 other sessions were ended." in plain(shown)
    assert there.client.get("/account").status_code == 302
    assert len(sessions_of(dev)) == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [("wrong", NEW, "not your password"), (factories.PASSWORD, "short", "too short")],
)
def test_a_password_changes_only_rightly(old, new, told):
    dev = factories.developer()
    browser, _ = at_the_door()
    assert told in browser.send("/account/password", on="/account", old_password=old, password=new)
    dev.refresh_from_db()
    assert dev.check_password(factories.PASSWORD)


def test_sessions_are_listed_and_ended_by_their_handle_alone():
    dev = factories.developer()
    (here, _), (there, _) = at_the_door(), at_the_door()
    keys = {one.session_key for one in sessions_of(dev)}
    assert not any(key in here.get("/account") for key in keys)
    handle = session_handle(there.client.session.session_key)
    assert "The session is ended." in plain(here.send(f"/account/sessions/{handle}/end", on="/account"))
    assert there.client.get("/account").status_code == 302
    assert "End all others" not in here.get("/account")


def test_signing_out_leaves_an_event():
    factories.developer()
    browser, _ = at_the_door()
    browser.send("/sign-out")
    assert Event.objects.filter(action="session.closed").count() == 1


def test_whoever_owes_a_factor_is_told_and_signs_nothing(settings):
    settings.SECOND_FACTOR = "signers"
    factories.validator()
    browser, shown = at_the_door("val")
    assert "needs a second factor" in plain(shown)
    answer = browser.client.post("/reauthenticate", {"password": factories.PASSWORD, "next": "/"})
    assert answer.status_code == 403
    assert "add one under Your account" in plain(answer.content.decode())


@pytest.mark.parametrize(
    ("wanted", "who", "status"),
    [("signers", "val", 409), ("signers", "dev", 404), ("everybody", "dev", 409), ("optional", "val", 404)],
)
def test_whoever_owes_a_factor_changes_nothing(settings, wanted, who, status):
    settings.SECOND_FACTOR = wanted
    factories.validator(), factories.developer()
    browser, _ = at_the_door(who)
    run = "runs/00000000-0000-0000-0000-000000000000/cancel"
    assert browser.client.post(f"/{run}", {"reason": "x"}).status_code == status
    sent = browser.client.post(f"/api/v1/{run}", {"reason": "x"}, content_type="application/json")
    assert sent.status_code == status
    assert browser.client.get("/models").status_code == 200


def test_an_administrator_who_owes_a_factor_gives_no_roles(settings):
    admin = factories.administrator()
    assert Browser(admin).client.get("/admin/").status_code == 200
    settings.SECOND_FACTOR = "signers"
    assert Browser(admin).client.get("/admin/").status_code == 302


def test_events_say_that_two_factors_were_shown():
    factories.developer()
    browser, _ = at_the_door()
    secret, _ = with_authenticator(browser)
    again, _ = at_the_door()
    again.send("/sign-in/second", code=codes.code_at(secret, time.time()))
    again.send("/sign-out")
    opened = [b'"mfa":true' in bytes(e.body) for e in Event.objects.filter(action="session.opened")]
    assert sorted(opened) == [False, True]
