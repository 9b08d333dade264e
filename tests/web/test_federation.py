"""Signing in with other accounts, in the administration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.access.federation import standing_mappings
from apps.access.federation_models import DirectoryAccount
from tests import factories
from tests.access.provider import Hostile
from tests.web.browsing import Browser, plain

pytestmark = pytest.mark.django_db
PAGE = "/administration/sign-in"


@pytest.fixture
def bank() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.close()


@pytest.fixture
def ada(bank: Hostile, settings: Any, tmp_path: Path) -> Browser:
    settings.OIDC_PROVIDERS = {"bank": bank.provider(tmp_path, groups_claim="groups")}
    return Browser(factories.administrator(), fresh=True)


def test_the_page_names_providers_and_never_their_secrets(ada: Browser) -> None:
    shown = ada.get(PAGE)
    assert "Bank directory" in plain(shown)
    assert "a-secret" not in shown
    assert PAGE in ada.get("/administration")


def test_a_provider_is_tried_and_says_what_is_wrong(ada: Browser, bank: Hostile) -> None:
    shown = plain(ada.send(f"{PAGE}/providers/bank/try"))
    assert "It answers." in shown
    assert "k1 (RSA)" in shown
    bank.described["issuer"] = "https://other.example"
    assert "which is another" in plain(ada.send(f"{PAGE}/providers/bank/try"))


def test_a_group_is_given_a_role_and_loses_it(ada: Browser) -> None:
    said = {"source": "oidc:bank", "group": "auditors", "role": "auditor", "reason": "by contract"}
    assert "“auditors” is worth auditor now." in plain(ada.send(f"{PAGE}/mappings", **said))
    mapping = standing_mappings().get()
    shown = plain(ada.send(f"{PAGE}/mappings/{mapping.pk}/end", reason="it ended"))
    assert "is worth auditor no more" in shown
    assert not standing_mappings().exists()


def test_a_wrong_form_comes_back_with_its_sentence(ada: Browser) -> None:
    said = {"source": "oidc:nobody", "group": "g", "role": "auditor", "reason": "x", "back": PAGE}
    assert "is no source of groups here" in plain(ada.send(f"{PAGE}/mappings", **said))


def test_an_account_is_handed_over(ada: Browser) -> None:
    factories.developer()
    factories.service("entra", "directory")
    said = {"username": "dev", "directory": "entra", "user_name": "dev@bank.example", "reason": "HR keeps it"}
    assert "dev is kept by the directory now." in plain(ada.send(f"{PAGE}/hand-over", **said))
    assert DirectoryAccount.objects.get().user_name == "dev@bank.example"


def test_the_sign_in_page_offers_providers_and_keeps_where_one_wanted_to_go(ada: Browser) -> None:
    shown = Browser().get("/sign-in?next=/models%3Fq=a%26b")
    assert 'href="/sign-in/with/bank?next=%2Fmodels%3Fq%3Da%26b"' in shown
    assert "Link an account of Bank directory" in plain(ada.get("/account"))
    assert "Password of" in plain(ada.get("/reauthenticate"))
