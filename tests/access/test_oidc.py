"""Signing in by another's word: what is believed, and everything that is not (A15)."""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from apps.access import commands, issuers
from apps.access.federation import identities_of
from apps.access.models import Person, RoleGrant
from apps.audit.errors import Refused
from apps.audit.models import Event
from tests import factories
from tests.access.provider import Hostile, public_pem, stranger

pytestmark = pytest.mark.django_db
START, BACK = "/sign-in/with/bank", "/sign-in/with/bank/back"


@pytest.fixture
def bank() -> Iterator[Hostile]:
    made = Hostile()
    yield made
    made.close()


@pytest.fixture
def named(bank: Hostile, settings: Any, tmp_path: Path) -> Any:
    """Name the provider to the installation, with these fields of its file."""

    def name(**fields: Any) -> Client:
        settings.OIDC_PROVIDERS = {"bank": bank.provider(tmp_path, **fields)}
        return Client()

    return name


def asked(client: Client, how: str = "") -> dict[str, str]:
    """The question that the browser is sent away with."""
    answer = client.get(START + how)
    assert answer.status_code == 302, answer.content.decode()
    return dict(parse_qsl(urlsplit(answer["Location"]).query))


def came_back(client: Client, bank: Hostile, how: str = "", **told: str) -> Any:
    question = asked(client, how)
    return client.get(BACK, {"code": bank.agree(question), "state": question["state"], **told})


def said(answer: Any) -> str:
    found = re.search(r'role="alert">([^<]*)<', answer.content.decode())
    return found[1].replace("&#x27;", "'") if found else ""


def dana(bank: Hostile, name: str = "dana", **more: Any) -> Person:
    person = factories.person(name, **more)
    link(person, bank)
    return person


def link(person: Person, bank: Hostile) -> None:
    from django.conf import settings

    commands.link_identity(
        by=factories.administrator(),
        person=person,
        provider=settings.OIDC_PROVIDERS["bank"],
        subject="u-1",
        reason="for a test",
    )


def test_a_linked_person_comes_in_under_a_new_session(bank: Hostile, named: Any) -> None:
    client = named()
    person = dana(bank)
    question = asked(client, "?next=/models")
    former = client.session.session_key
    answer = client.get(BACK, {"code": bank.agree(question), "state": question["state"]})
    assert (answer.status_code, answer["Location"]) == (302, "/models")
    assert client.session["_auth_user_id"] == str(person.pk)
    assert client.session.session_key != former
    assert (
        json.loads(bytes(Event.objects.get(action="session.opened").body))["actor"]["auth"]["method"]
        == "oidc"
    )


def test_the_question_has_pkce_state_and_nonce_and_goes_to_the_provider(bank: Hostile, named: Any) -> None:
    question = asked(named())
    assert question["code_challenge_method"] == "S256"
    assert len(question["state"]) >= 43
    assert len(question["nonce"]) >= 43
    assert question["redirect_uri"] == "http://127.0.0.1:8000/sign-in/with/bank/back"


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"iss": "https://evil.example"}, "Invalid issuer"),
        ({"aud": "another"}, "Audience doesn't match"),
        ({"aud": ["countersign", "another"]}, "made for another program (azp)"),
        ({"aud": ["countersign", "x"], "azp": "x"}, "made for another program (azp)"),
        ({"nonce": "another"}, "another question (nonce)"),
        ({"nonce": None}, "another question (nonce)"),
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"exp": None}, "lacks exp"),
        ({"iat": int(time.time()) + 3600}, "not yet valid (iat)"),
        ({"iat": int(time.time()) - 3600}, "before it was asked for (iat)"),
        ({"sub": ""}, "no name of 1 to 255"),
        ({"sub": None}, "lacks sub"),
        ({"sub": 7}, "Subject must be a string"),
    ],
)
def test_a_wrong_claim_is_refused(bank: Hostile, named: Any, claims: Any, sentence: str) -> None:
    client = named()
    dana(bank)
    bank.claims |= claims
    answer = came_back(client, bank)
    assert answer.status_code == 403
    assert sentence in said(answer)
    assert "_auth_user_id" not in client.session


def signed_by_hand(algorithm: str, key: bytes) -> Any:
    """A token whose signature no honest library would make."""

    def encode(claims: dict[str, Any], *_: Any, **__: Any) -> str:
        head, body = ({"alg": algorithm, "kid": "k1"}, claims)
        parts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, body)]
        signed = hmac.new(key, b".".join(parts), sha256).digest() if key else b""
        return b".".join([*parts, urlsafe_b64encode(signed).rstrip(b"=")]).decode()

    return encode


@pytest.mark.parametrize(("algorithm", "key"), [("none", b""), ("None", b""), ("HS256", public_pem())])
def test_no_signature_and_one_made_with_the_public_key_are_refused(
    bank: Hostile, named: Any, monkeypatch: pytest.MonkeyPatch, algorithm: str, key: bytes
) -> None:
    client = named()
    dana(bank)
    monkeypatch.setattr("tests.access.provider.jwt.encode", signed_by_hand(algorithm, key))
    assert "RS256, PS256, ES256 count" in said(came_back(client, bank))


def test_a_key_that_the_provider_does_not_publish_is_refused(bank: Hostile, named: Any) -> None:
    client = named()
    dana(bank)
    bank.key = stranger()
    assert "Signature verification failed" in said(came_back(client, bank))
    bank.header = {"kid": "another"}
    assert "publishes 0 keys" in said(came_back(client, bank))


def test_an_unknown_key_makes_us_look_again_once_a_minute(bank: Hostile, tmp_path: Path) -> None:
    now = [1000.0]
    source = issuers.Issuer(bank.url, bank.provider(tmp_path).allowed, clock=lambda: now[0])
    source.key("k1", "RS256")
    for _ in range(5):
        with pytest.raises(issuers.NotBelieved):
            source.key("k2", "RS256")
    assert bank.seen.count("/keys") == 1
    bank.kid, now[0] = "k2", 1061.0
    assert source.key("k2", "RS256").key_id == "k2"
    assert bank.seen.count("/keys") == 2


def test_an_answer_counts_once_even_where_the_session_is_put_back(bank: Hostile, named: Any) -> None:
    client = named()
    dana(bank)
    question = asked(client)
    kept = dict(client.session["asked_of_provider"])
    told = {"code": bank.agree(question), "state": question["state"]}
    assert client.get(BACK, told).status_code == 302
    assert "Nobody here asked" in said(Client().get(BACK, told))
    client = Client()
    client.get("/sign-in/with/bank")
    session = client.session
    session["asked_of_provider"] = kept
    session.save()
    bank.codes[told["code"]] = question
    assert "was used before" in said(client.get(BACK, told))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"state": "another"}, "another question (state)"),
        ({"state": ""}, "another question (state)"),
        ({"iss": "https://other.example"}, "Another provider answered"),
        ({"error": "access_denied"}, "The provider says access_denied."),
        ({"error": "<script>"}, "The provider says no."),
        ({"code": ""}, "sent no code"),
        ({"code": "x" * 5000}, "sent no code"),
    ],
)
def test_an_answer_to_another_question_is_refused(
    bank: Hostile, named: Any, told: Any, sentence: str
) -> None:
    client = named()
    dana(bank)
    answer = came_back(client, bank, **told)
    assert answer.status_code == 403
    assert sentence in said(answer)
    assert "/token" not in bank.seen


def test_another_provider_cannot_answer_for_the_one_that_was_asked(
    bank: Hostile, named: Any, settings: Any
) -> None:
    client = named()
    settings.OIDC_PROVIDERS["other"] = settings.OIDC_PROVIDERS["bank"]
    question = asked(client)
    told = {"code": bank.agree(question), "state": question["state"]}
    assert "Nobody here asked" in said(client.get("/sign-in/with/other/back", told))
    assert "Nobody here asked" in said(client.get(BACK, told))


def to_elsewhere(handler: Any) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://169.254.169.254/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def huge(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"{" + b" " * 400_000 + b"}")


def deep(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"[" * 100_000)


@pytest.mark.parametrize(
    ("path", "lie", "sentence"),
    [
        ("/token", to_elsewhere, "answered 302"),
        ("/keys", to_elsewhere, "answered 302"),
        ("/token", huge, "262,144 bytes"),
        ("/keys", deep, "no JSON object"),
        ("/token", deep, "no JSON object"),
    ],
)
def test_redirects_floods_and_depths_end_in_a_sentence(
    bank: Hostile, named: Any, path: str, lie: Any, sentence: str
) -> None:
    client = named()
    bank.lies[path] = lie
    assert sentence in said(came_back(client, bank))


def test_a_slow_provider_is_left(bank: Hostile, named: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = named()
    asked(client)  # so that only the exchange is slow
    monkeypatch.setattr(issuers, "_SECONDS", 0.4)
    bank.lies["/token"] = lambda handler: time.sleep(1)
    assert "gave no answer" in said(came_back(client, bank))


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "authorization_endpoint"])
def test_a_provider_leads_to_no_host_that_nobody_named(bank: Hostile, named: Any, name: str) -> None:
    client = named()
    bank.described[name] = "http://169.254.169.254/latest"
    answer = client.get(START)
    answer = answer if answer.status_code == 403 else came_back(client, bank)
    assert "its hosts do not name that place" in said(answer)


def test_a_provider_that_calls_itself_otherwise_is_not_believed(bank: Hostile, named: Any) -> None:
    bank.described["issuer"] = "https://other.example"
    assert "which is another" in said(named().get(START))


def test_the_same_e_mail_and_the_same_name_are_not_the_same_person(bank: Hostile, named: Any) -> None:
    client = named(create_accounts=True)
    factories.person("dana", email="dana@bank.example")
    bank.claims |= {"email": "DANA@bank.example", "preferred_username": "somebody"}
    assert "No account here is linked" in said(came_back(client, bank))
    bank.claims |= {"email": "", "preferred_username": "Dana@elsewhere"}
    assert "No account here is linked" in said(came_back(client, bank))
    assert Event.objects.filter(action="session.refused").count() == 2


def test_nobody_is_made_unless_the_installation_says_so(bank: Hostile, named: Any) -> None:
    client = named()
    factories.administrator()
    assert "ask an administrator" in said(came_back(client, bank))
    assert not Person.objects.filter(username="una").exists()


def test_a_new_person_has_no_right_at_all(bank: Hostile, named: Any) -> None:
    client = named(create_accounts=True)
    assert came_back(client, bank).status_code == 302
    una = Person.objects.get(username="una")
    assert not una.has_usable_password()
    assert not una.grants.exists()
    assert client.get("/models").status_code == 200
    assert came_back(Client(), bank).status_code == 302  # the next time it is the same person
    assert Person.objects.filter(username__startswith="una").count() == 1


def test_a_disabled_person_does_not_come_in(bank: Hostile, named: Any) -> None:
    client = named()
    person = dana(bank)
    commands.disable_person(by=factories.administrator(), person=person, reason="gone")
    assert "No account here is linked" in said(came_back(client, bank))


def test_groups_are_worth_roles_and_cease_to_be(bank: Hostile, named: Any) -> None:
    client = named(groups_claim="groups")
    person, admin = dana(bank), factories.administrator()
    commands.map_group(by=admin, source="oidc:bank", group="auditors", role="auditor", reason="by contract")
    bank.claims["groups"] = ["auditors", "all"]
    came_back(client, bank)
    grant = RoleGrant.objects.get(person=person)
    assert (grant.role, grant.granted_by) == ("auditor", admin)
    assert 'In the group "auditors" at oidc:bank: by contract' in grant.reason
    assert client.get("/events").status_code == 200
    bank.claims["groups"] = ["all"]
    came_back(Client(), bank)
    assert client.get("/events").status_code == 403
    assert Event.objects.filter(action="role.ended").count() == 1


def test_without_the_claim_no_role_stands_on_a_group(bank: Hostile, named: Any) -> None:
    client = named(groups_claim="groups")
    person = dana(bank)
    commands.map_group(
        by=factories.administrator(), source="oidc:bank", group="a", role="auditor", reason="x"
    )
    bank.claims["groups"] = "a"
    came_back(client, bank)
    del bank.claims["groups"]
    came_back(client, bank)
    assert not RoleGrant.objects.filter(person=person, valid_to=None).exists()
    bank.claims["groups"] = {"a": 1}
    assert "no list of at most" in said(came_back(client, bank))


def test_a_group_gives_no_role_that_the_conflict_rules_refuse(bank: Hostile, named: Any) -> None:
    client = named(groups_claim="groups")
    person = factories.developer()
    link(person, bank)
    admin = factories.administrator()
    commands.map_group(by=admin, source="oidc:bank", group="v", role="validator", reason="x")
    bank.claims["groups"] = ["v"]
    assert came_back(client, bank).status_code == 302
    assert "nobody both builds and approves" in client.get("/account").content.decode()
    assert [grant.role for grant in RoleGrant.objects.filter(person=person)] == ["developer"]
    assert Event.objects.filter(action="mapping.refused").count() == 1


def test_nobody_gives_themselves_a_role_by_a_mapping(bank: Hostile, named: Any) -> None:
    client = named(groups_claim="groups")
    second = factories.person("second", "administrator")
    link(second, bank)
    commands.map_group(by=second, source="oidc:bank", group="a", role="auditor", reason="x")
    bank.claims["groups"] = ["a"]
    came_back(client, bank)
    assert not RoleGrant.objects.filter(person=second, role="auditor").exists()


def test_an_ended_mapping_ends_its_roles_at_once(bank: Hostile, named: Any) -> None:
    client = named(groups_claim="groups")
    person, admin = dana(bank), factories.administrator()
    mapping = commands.map_group(by=admin, source="oidc:bank", group="a", role="auditor", reason="x")
    bank.claims["groups"] = ["a"]
    came_back(client, bank)
    commands.end_mapping(by=admin, mapping=mapping, reason="contract ended")
    assert not RoleGrant.objects.filter(person=person, valid_to=None).exists()
    with pytest.raises(Refused, match="ended already"):
        commands.end_mapping(by=admin, mapping=mapping, reason="again")
    told = set(Event.objects.filter(object_type="mapping").values_list("action", flat=True))
    assert told == {"mapping.made", "mapping.ended"}


def test_what_the_provider_says_of_two_factors_counts_only_where_configured(
    bank: Hostile, named: Any, settings: Any
) -> None:
    settings.SECOND_FACTOR = "everybody"
    client = named()
    dana(bank)
    bank.claims["amr"] = ["pwd", "otp"]
    came_back(client, bank)
    assert "second factor" in client.get("/account").content.decode()
    client = named(second_factor={"amr": ["otp"]})
    came_back(client, bank)
    assert "Add an authenticator or a passkey before" not in client.get("/account").content.decode()


def test_a_factor_kept_here_is_asked_for_where_the_provider_proved_one(bank: Hostile, named: Any) -> None:
    from tests.access.test_factors import with_authenticator

    client = named()
    person = dana(bank)
    with_authenticator(person)
    assert came_back(client, bank)["Location"] == "/sign-in/second"
    assert "_auth_user_id" not in client.session


def test_a_signature_is_confirmed_by_being_asked_again(bank: Hostile, named: Any) -> None:
    client = named()
    dana(bank)
    came_back(client, bank)
    question = asked(client, "?for=again&next=/models")
    assert (question["prompt"], question["max_age"]) == ("login", "0")
    told = {"code": bank.agree(question), "state": question["state"]}
    assert client.get(BACK, told)["Location"].startswith("/reauthenticate")
    bank.claims["auth_time"] = int(time.time()) - 3600
    assert came_back(client, bank, "?for=again")["Location"].startswith("/reauthenticate")
    assert not Event.objects.filter(action="reauthentication.passed").exists()
    bank.claims["auth_time"] = int(time.time())
    former = client.session.session_key
    assert came_back(client, bank, "?for=again&next=/models")["Location"] == "/models"
    assert client.session.session_key != former
    assert Event.objects.filter(action="reauthentication.passed").count() == 1


def test_somebody_else_at_the_provider_confirms_nothing(bank: Hostile, named: Any) -> None:
    client = named()
    dana(bank)
    came_back(client, bank)
    bank.claims |= {"sub": "u-2", "auth_time": int(time.time())}
    assert came_back(client, bank, "?for=again")["Location"].startswith("/reauthenticate")


def test_accounts_are_linked_by_their_signed_in_owner_who_saw_what_is_linked(
    bank: Hostile, named: Any
) -> None:
    client = named()
    person = factories.developer()
    client.post("/sign-in", {"username": "dev", "password": factories.PASSWORD})
    assert came_back(client, bank, "?for=link")["Location"] == "/account/link"
    assert not identities_of(person).exists()
    assert "Bank directory vouches for <strong>una</strong>" in client.get("/account/link").content.decode()
    assert client.post("/account/link")["Location"] == "/account"
    assert came_back(Client(), bank).status_code == 302
    assert client.post("/account/link").status_code == 404


def test_one_account_there_is_one_account_here(bank: Hostile, named: Any) -> None:
    named()
    dana(bank)
    with pytest.raises(Refused, match="linked to an account here already"):
        link(factories.developer(), bank)


def test_a_link_that_ends_takes_its_sessions_and_the_only_way_in_stays(bank: Hostile, named: Any) -> None:
    client, admin = named(create_accounts=True), factories.administrator()
    came_back(client, bank)
    una = Person.objects.get(username="una")
    with pytest.raises(Refused, match="could not sign in any more"):
        commands.unlink_identity(by=una, identity=identities_of(una).get())
    commands.unlink_identity(by=admin, identity=identities_of(una).get(), reason="another account")
    told = Event.objects.filter(object_type="identity").values_list("action", flat=True)
    assert set(told) == {"identity.linked", "identity.unlinked"}
    assert client.get("/models").status_code == 302


def test_a_session_ends_with_the_provider_that_opened_it(bank: Hostile, named: Any, settings: Any) -> None:
    client = named()
    dana(bank)
    came_back(client, bank)
    assert client.get("/models").status_code == 200
    settings.OIDC_PROVIDERS = {}
    assert client.get("/models").status_code == 302


def test_userinfo_must_be_of_the_same_person(bank: Hostile, named: Any) -> None:
    client = named(userinfo=True, groups_claim="groups")
    dana(bank)
    assert came_back(client, bank).status_code == 302
    bank.claims["sub"] = "u-9"
    assert "is of somebody else" in said(came_back(Client(), bank))


def test_raw_sql_links_nobody_untold(named: Any, as_role: Any) -> None:
    person = factories.developer()
    sql = (
        "INSERT INTO access_externalidentity (person_id, provider, issuer, subject, linked_at) "
        "VALUES (%s, 'bank', 'x', 'y', now()); SET CONSTRAINTS ALL IMMEDIATE"
    )
    with (
        as_role("app"),
        pytest.raises(DatabaseError, match="no event tells"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [person.pk])


def test_the_secret_stands_in_no_event_and_no_page(bank: Hostile, named: Any) -> None:
    client = named()
    dana(bank)
    came_back(client, bank)
    assert not Event.objects.filter(body__contains=b"a-secret-of-the-client").exists()
    assert "a-secret" not in client.get("/account").content.decode()


def test_whoever_is_erased_is_unknown_there_too(bank: Hostile, named: Any) -> None:
    client = named()
    person = dana(bank)
    commands.erase_person(by=factories.administrator(), person=person, reason="a request")
    identity = person.identities.get()
    assert (identity.subject, identity.ended_at is None) == (f"erased-{identity.pk}", False)
    assert "No account here is linked" in said(came_back(client, bank))
