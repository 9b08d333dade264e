from __future__ import annotations

import pytest

from apps.access import throttle
from apps.access.commands import reauthenticate, sign_in
from apps.access.models import SignInAttempt
from apps.access.throttle import PER_ACCOUNT_AND_ADDRESS, Throttled
from apps.audit.errors import Forbidden
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db

WRONG = "not the password"
HOME, ENEMY = "198.51.100.7", "203.0.113.66"


def tried(username="dev", password=WRONG, address=HOME):
    return sign_in(username=username, password=password, address=address)


def fail(times, **how):
    for _ in range(times):
        with pytest.raises(Forbidden):
            tried(**how)


def test_the_right_password_signs_in_with_one_event():
    dev = factories.developer()
    assert tried(password=factories.PASSWORD) == dev
    assert Event.objects.get(action="session.opened").actor_id == str(dev.pk)


@pytest.mark.parametrize("username", ["dev", "nobody", "pipeline", "", "d\0ev", "\ud800"])
def test_the_refusal_never_says_what_was_wrong(username):
    factories.developer()
    factories.service()
    with pytest.raises(Forbidden) as refused:
        tried(username=username)
    assert str(refused.value) == "The name and the password do not belong together."
    assert Event.objects.filter(action="session.refused").count() == 1


def test_neither_the_typed_name_nor_the_password_is_kept():
    factories.developer()
    fail(1, username="my-secret-password")
    row = SignInAttempt.objects.get()
    assert "secret" not in f"{row.account}{row.address}"
    assert not Event.objects.filter(body__contains=b"my-secret").exists()


def test_an_account_is_slowed_where_it_fails_from_one_address():
    factories.developer()
    fail(PER_ACCOUNT_AND_ADDRESS)
    with pytest.raises(Throttled, match="wait 15 minutes") as refused:
        tried(password=factories.PASSWORD)
    assert refused.value.seconds == 900


def test_an_enemy_elsewhere_does_not_lock_anybody_out():
    dev = factories.developer()
    fail(PER_ACCOUNT_AND_ADDRESS, address=ENEMY)
    assert tried(password=factories.PASSWORD) == dev


def test_names_are_slowed_alike_however_they_are_spelt():
    factories.developer()
    fail(PER_ACCOUNT_AND_ADDRESS - 1)
    fail(1, username="DEV")
    with pytest.raises(Throttled):
        tried(username="Dev")


def test_an_address_is_slowed_over_all_accounts(monkeypatch):
    monkeypatch.setattr(throttle, "PER_ADDRESS", 3)
    for i in range(3):
        fail(1, username=f"somebody-{i}", address=ENEMY)
    with pytest.raises(Throttled):
        tried(username="another", address=ENEMY)


def test_many_addresses_slow_an_account_except_where_its_person_works_from(monkeypatch):
    monkeypatch.setattr(throttle, "PER_ACCOUNT_ELSEWHERE", 3)
    dev = factories.developer()
    assert tried(password=factories.PASSWORD) == dev
    for i in range(4):
        with pytest.raises((Forbidden, Throttled)):
            tried(address=f"203.0.113.{i}")
    with pytest.raises(Throttled):
        tried(password=factories.PASSWORD, address="203.0.113.99")
    assert tried(password=factories.PASSWORD) == dev


def test_success_forgets_the_failures_before_it():
    factories.developer()
    for _ in range(3):
        fail(PER_ACCOUNT_AND_ADDRESS - 1)
        tried(password=factories.PASSWORD)
    assert SignInAttempt.objects.count() == 1


def test_a_disabled_person_does_not_get_in():
    dev = factories.developer()
    type(dev).objects.filter(pk=dev.pk).update(is_active=False)
    fail(1, password=factories.PASSWORD)


def test_reauthentication_needs_the_password_of_who_is_signed_in():
    dev = factories.developer()
    reauthenticate(by=dev, password=factories.PASSWORD, address=HOME)
    assert Event.objects.filter(action="reauthentication.passed").count() == 1
    with pytest.raises(Forbidden, match="not your password"):
        reauthenticate(by=dev, password="wrong", address=HOME)


def test_reauthentication_is_slowed_too_and_never_passes_for_a_token():
    dev = factories.developer()
    for _ in range(PER_ACCOUNT_AND_ADDRESS):
        with pytest.raises(Forbidden):
            reauthenticate(by=dev, password="wrong", address=HOME)
    with pytest.raises(Throttled):
        reauthenticate(by=dev, password=factories.PASSWORD, address=HOME)
    acting = factories.acting_through_token(dev, "model.see")
    with pytest.raises(Forbidden, match="signatures are people's"):
        reauthenticate(by=acting, password=factories.PASSWORD, address="127.0.0.1")
