"""The pages on which integrations are set up: secrets shown once, refusals beside the form, nobody else's."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from apps.access.models import Person
from apps.audit.models import Event
from apps.deploys.integrations import reading
from apps.deploys.models import Integration
from tests.cli.loopback import Told
from tests.integrations.site import Elsewhere, made
from tests.integrations.test_github import PEM
from tests.standing import Standing

pytestmark = pytest.mark.usefixtures("world")

PLACE = "/administration/integrations"
GITHUB = {"kind": "github", "name": "gh", "account": "pipeline", "s-app_id": "77"}


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def admin(world: Standing) -> Client:
    return signed_in(world.people["administrator"])


def test_a_secret_is_shown_once_and_is_the_one_that_counts(admin: Client) -> None:
    page = admin.post(PLACE, GITHUB).content.decode()
    row = Integration.objects.get()

    (shown,) = re.findall(r'tabindex="0">([A-Za-z0-9_-]{43})<', page)
    assert reading.unlocked(row, "webhook") == [shown.encode()]
    assert f"/hooks/github/{row.pk}" in page
    assert shown not in admin.get(f"{PLACE}/{row.pk}").content.decode()
    assert row.settings == {"app_id": "77", "api": "https://api.github.com"}


NEEDED = {
    "ci-oidc": {"audience": "x"},
    "github": {"app_id": "1"},
    "gitlab": {},
    "azure": {},
    "jenkins": {},
    "sagemaker": {"region": "eu-west-1", "key_id": "AKIDEXAMPLE0EXAMPLE0"},
    "databricks": {"workspace": "https://dbc.example", "schemas": "risk.credit", "task": "approve"},
    "mlflow": {"base": "https://mlflow.example"},
    "huggingface": {"repos": "bank/credit-pd"},
    "cloudevents": {},
}


@pytest.mark.parametrize("kind", NEEDED)
def test_every_kind_has_its_form_and_its_page(admin: Client, kind: str) -> None:
    assert f'value="{kind}"' in admin.get(f"{PLACE}?kind={kind}").content.decode()
    row = made(kind, **NEEDED[kind]).row
    assert row.name in admin.get(f"{PLACE}/{row.pk}").content.decode()
    assert row.name in admin.get(PLACE).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "carrier-pigeon"}, "There is no kind"),
        ({"s-app_id": "seven"}, "cannot be “seven”"),
        ({"s-app_id": ""}, "is empty"),
        ({"s-api": "https://u:p@api.github.com"}, "“API” cannot be"),
        ({"hosts": "https://x/path"}, "“hosts” holds"),
        ({"hosts": "x=10.0.0.0/99"}, "“hosts” holds"),
        ({"account": "dev"}, "Choose the service account"),
        ({"name": "No Name"}, "is no key"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(
    admin: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = admin.post(PLACE, {**GITHUB, **changes})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Integration.objects.exists()


def test_bound_rotated_changed_switched_and_each_is_told(admin: Client) -> None:
    row = made("github", app_id="77").row
    one = f"{PLACE}/{row.pk}"
    bind = {"act": "bind", "model": "credit-pd", "environment": "production", "version_from": "manifest"}
    assert admin.post(one, {**bind, "source": "74", "place": "production"}).status_code == 302
    for sent in (
        {"act": "rotate", "secret": "webhook"},
        {"act": "give", "secret": "private_key", "password": PEM},
        {"act": "change", "account": "pipeline", "s-app_id": "78", "hosts": "api.github.com"},
        {"act": "unbind", "binding": str(reading.bindings_of(row).get().pk)},
        {"act": "switch", "on": "no", "reason": "Moved."},
    ):
        assert admin.post(one, sent).status_code in (200, 302), sent
    row.refresh_from_db()

    told = set(Event.objects.filter(object_id=str(row.pk)).values_list("action", flat=True))
    assert told == {
        "integration.made",
        "integration.rekeyed",
        "integration.changed",
        "integration.switched",
        "binding.made",
        "binding.ended",
    }
    assert (row.enabled, row.settings["app_id"]) == (False, "78")


def test_the_way_out_can_be_tried(admin: Client, elsewhere: Elsewhere) -> None:
    row = made("gitlab", hosts=elsewhere.host, given={"token": "glpat-1"}, base=elsewhere.url).row
    elsewhere.answers = lambda asked: Told(200 if asked.headers["private-token"] == "glpat-1" else 401, {})
    one = {"act": "try"}

    assert "takes this access token" in admin.post(f"{PLACE}/{row.pk}", one, follow=True).content.decode()
    elsewhere.answers = lambda _: Told(401, {})
    assert "answered 401" in admin.post(f"{PLACE}/{row.pk}", one).content.decode()


@pytest.mark.parametrize("role", ["developer", "auditor", "head-of-model-risk", "elsewhere"])
def test_nobody_else_sees_any_of_it(world: Standing, role: str) -> None:
    row = made("github", app_id="77").row
    client = signed_in(world.people[role])
    assert [client.get(PLACE).status_code, client.get(f"{PLACE}/{row.pk}").status_code] == [403, 404]
    assert client.post(PLACE, GITHUB).status_code == 403
