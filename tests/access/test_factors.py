from __future__ import annotations

import time

import pytest

from apps.access import codes, commands
from apps.access.commands import SecondFactorNeeded, finish_sign_in, reauthenticate, sign_in
from apps.access.models import RecoveryCode, SecondFactor
from apps.access.queries import recovery_codes_left
from apps.access.throttle import PER_ACCOUNT_AND_ADDRESS, Throttled
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event
from tests import factories

pytestmark = pytest.mark.django_db
HOME = "198.51.100.7"


def with_authenticator(person, secret=b"k" * 20, name="phone"):
    """The recovery codes; the code shown is that of the step before, so that the next one is fresh."""
    code = codes.code_at(secret, time.time() - codes.STEP_SECONDS)
    return commands.add_authenticator(by=person, name=name, secret=secret, code=code)


def code_now(secret=b"k" * 20):
    return codes.code_at(secret, time.time())


def signed_in(person, code):
    with pytest.raises(SecondFactorNeeded):
        sign_in(username=person.username, password=factories.PASSWORD, address=HOME)
    return finish_sign_in(person=person, code=code, address=HOME)


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(at, code):
    """RFC 6238, appendix B, the last six of its eight digits."""
    assert codes.code_at(b"12345678901234567890", at) == code


def test_a_code_is_asked_for_after_the_password_and_works_once():
    dev = factories.developer()
    with_authenticator(dev)
    code = code_now()
    assert signed_in(dev, code) == dev
    assert Event.objects.filter(action__in=["factor.added", "recovery_codes.made"]).count() == 2
    with pytest.raises(Forbidden, match="no code that counts now"):
        signed_in(dev, code)


def test_no_session_opens_before_the_second_step():
    dev = factories.developer()
    with_authenticator(dev)
    with pytest.raises(SecondFactorNeeded):
        sign_in(username="dev", password=factories.PASSWORD, address=HOME)
    assert not Event.objects.filter(action="session.opened").exists()


@pytest.mark.parametrize("typed", ["", "000000", "12345", "１２３４５６", "abcdef", "9" * 500, "a-b-c"])
def test_anything_else_is_refused_without_a_trace_of_it(typed):
    dev = factories.developer()
    with_authenticator(dev)
    with pytest.raises(Forbidden):
        finish_sign_in(person=dev, code=typed, address=HOME)
    assert Event.objects.filter(action="session.refused").count() == 1


def test_guessing_codes_is_slowed():
    dev = factories.developer()
    with_authenticator(dev)
    for _ in range(PER_ACCOUNT_AND_ADDRESS):
        with pytest.raises(Forbidden):
            finish_sign_in(person=dev, code="000000", address=HOME)
    with pytest.raises(Throttled):
        finish_sign_in(person=dev, code=code_now(), address=HOME)


def test_a_recovery_code_works_once_and_leaves_an_event():
    dev = factories.developer()
    first, *_ = with_authenticator(dev)
    assert signed_in(dev, f" {first.upper()} ") == dev
    assert recovery_codes_left(dev) == codes.RECOVERY_CODES - 1
    assert Event.objects.filter(action="recovery_code.used").count() == 1
    with pytest.raises(Forbidden):
        signed_in(dev, first)


def test_new_recovery_codes_void_the_old_ones():
    dev = factories.developer()
    old = with_authenticator(dev)
    new = commands.make_recovery_codes(by=dev)
    assert not set(old) & set(new)
    with pytest.raises(Forbidden):
        signed_in(dev, old[0])
    assert signed_in(dev, new[0]) == dev


def test_neither_key_nor_recovery_codes_are_stored_readably():
    dev = factories.developer()
    made = with_authenticator(dev, secret=b"0123456789abcdefghij")
    stored = bytes(SecondFactor.objects.get().key) + b"".join(
        r.digest.encode() for r in RecoveryCode.objects.all()
    )
    events = b"".join(bytes(event.body) for event in Event.objects.all())
    for secret in [
        b"0123456789abcdefghij",
        codes.spelt(b"0123456789abcdefghij").encode(),
        *map(str.encode, made),
    ]:
        assert secret not in stored
        assert secret not in events


def test_an_authenticator_must_show_its_code_first():
    dev = factories.developer()
    with pytest.raises(Invalid, match="not the code"):
        commands.add_authenticator(by=dev, name="phone", secret=b"k" * 20, code="000000")
    assert not SecondFactor.objects.exists()


def test_confirming_needs_password_and_code():
    dev = factories.developer()
    with_authenticator(dev)
    with pytest.raises(Forbidden, match="no code"):
        reauthenticate(by=dev, password=factories.PASSWORD, address=HOME)
    with pytest.raises(Forbidden, match="not your password"):
        reauthenticate(by=dev, password="wrong", address=HOME, code=code_now())
    reauthenticate(by=dev, password=factories.PASSWORD, address=HOME, code=code_now())


def test_whoever_signs_owes_a_second_factor_where_the_settings_say_so(settings):
    settings.SECOND_FACTOR = "signers"
    validator, dev = factories.validator(), factories.developer()
    with pytest.raises(Refused, match="need a second factor") as refused:
        reauthenticate(by=validator, password=factories.PASSWORD, address=HOME)
    assert refused.value.code == "second_factor"
    reauthenticate(by=dev, password=factories.PASSWORD, address=HOME)
    with_authenticator(validator)
    reauthenticate(by=validator, password=factories.PASSWORD, address=HOME, code=code_now())


def test_a_lost_factor_is_removed_by_an_administrator_with_a_reason():
    admin, dev = factories.administrator(), factories.developer()
    with_authenticator(dev)
    factor = SecondFactor.objects.get()
    with pytest.raises(Invalid, match="reason"):
        commands.remove_factor(by=admin, factor=factor)
    with pytest.raises(Forbidden):
        commands.remove_factor(by=factories.validator(), factor=factor, reason="lost")
    commands.remove_factor(by=admin, factor=factor, reason="the phone was stolen")
    assert Event.objects.get(action="factor.removed").actor_id == str(admin.pk)
    assert sign_in(username="dev", password=factories.PASSWORD, address=HOME) == dev
    with pytest.raises(Refused, match="removed before"):
        commands.remove_factor(by=admin, factor=factor, reason="again")


def test_a_token_changes_nothing_of_it():
    acting = factories.acting_through_token(factories.developer(), "model.see")
    with pytest.raises(Forbidden):
        commands.make_recovery_codes(by=acting)
    with pytest.raises(Forbidden):
        with_authenticator(acting)
