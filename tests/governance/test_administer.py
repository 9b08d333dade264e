from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from apps.access.commands import sign_in
from apps.access.queries import authenticate_token, find_person, roles_held
from apps.deploys.queries import environments
from tests import factories
from tests.access.test_factors import with_authenticator

pytestmark = pytest.mark.django_db
Administer = Callable[..., str]
PASSWORD, OTHER = "correct horse battery staple", "another horse with a battery"


@pytest.fixture
def administer(monkeypatch: pytest.MonkeyPatch) -> Administer:
    """Passwords are piped in, one a line; the answer is what was printed."""

    def call(*words: str, passwords: tuple[str, ...] = (PASSWORD,)) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{p}\n" for p in passwords)))
        out = io.StringIO()
        call_command("administer", *words, stdout=out)
        return out.getvalue().strip()

    return call


def test_an_empty_installation_gets_its_people(administer: Administer):
    administer("first", "ada", "--name", "Ada Admin")
    administer("person", "dana", "--name", "Dana", "--as", "ada", passwords=(PASSWORD, OTHER))
    administer("role", "--as", "ada", "--reason", "She builds.", "developer", "dana")
    assert [role.key for role in roles_held(find_person("dana"))] == ["developer"]
    with pytest.raises(CommandError, match="people already"):
        administer("first", "eve", "--name", "Eve")


def test_a_service_account_gets_a_token_that_works(administer: Administer):
    factories.administrator()
    administer("person", "ci", "--service", "--name", "Pipeline", "--as", "admin")
    administer("role", "--as", "admin", "--reason", "It asks.", "pipeline", "ci")
    raw = administer("token", "ci", "--name", "ci", "--as", "admin", "--carry", "admission.ask")
    bearer = authenticate_token(raw)
    assert bearer is not None
    assert bearer.username == "ci"


def test_a_wrong_password_does_nothing(administer: Administer):
    factories.administrator()
    with pytest.raises(CommandError, match="do not belong together"):
        administer("environment", "production", "--title", "P", "--as", "admin", passwords=("wrong",))
    assert environments() == []


def test_a_person_without_the_right_is_refused(administer: Administer):
    factories.developer()
    with pytest.raises(CommandError, match="Only the role"):
        administer("environment", "production", "--title", "Production", "--as", "dev")


def test_units_and_environments_are_declared(administer: Administer):
    factories.administrator()
    assert "retail" in administer("unit", "retail", "--title", "Retail", "--as", "admin").lower()
    administer("environment", "production", "--title", "Production", "--as", "admin")
    assert [place.key for place in environments()] == ["production"]


@pytest.mark.slow
def test_policies_are_released_by_two_people(administer: Administer):
    for name in ("pia", "paul"):
        factories.person(name, "model-risk-policy")
    words = ("policies", "--as", "paul", "--proposed-by", "pia", "--name")
    said = administer(*words, "credit-tier1", passwords=(PASSWORD, PASSWORD))
    assert said == "2 policies are released: baseline-all@2.0.0, credit-tier1@3.1.0."
    said = administer(*words, "us-sr26-2", passwords=(PASSWORD, PASSWORD))
    assert "us-sr11-7-legacy is still named by no policy, no model, no report and no waiver." in said
    with pytest.raises(CommandError):
        administer("policies", "--as", "pia", "--proposed-by", "pia", passwords=(PASSWORD, PASSWORD))


def test_a_code_is_asked_for_where_there_is_a_second_factor(administer: Administer):
    first, *_ = with_authenticator(factories.administrator())
    administer("unit", "retail", "--title", "Retail", "--as", "admin", passwords=(PASSWORD, first))
    with pytest.raises(CommandError, match="no code that counts"):
        administer("unit", "cards", "--title", "Cards", "--as", "admin", passwords=(PASSWORD, first))


def test_who_lost_the_phone_gets_in_again(administer: Administer):
    factories.administrator()
    dev = factories.developer()
    with_authenticator(dev)
    said = administer("lost", "dev", "--reason", "The phone was stolen.", "--as", "admin")
    assert said.startswith("1 second factors of")
    assert sign_in(username="dev", password=PASSWORD, address="192.0.2.1") == dev
