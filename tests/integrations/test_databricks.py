"""Unity Catalog of Databricks: the tag that a deployment job awaits stands while the gate allows it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from apps.approvals import commands as approvals
from apps.deploys import commands
from apps.deploys.integrations import trying
from apps.deploys.models import RegistryEntry, RegistryPoll
from tests import factories
from tests.cli.loopback import Asked, Told
from tests.integrations.site import Elsewhere, Site, made
from tests.integrations.test_sagemaker import read, titles
from tests.standing import Standing

NAME, TASK, TOKEN = "risk.credit.pd", "countersign_approval", "dapi-0123456789"
UC = "/api/2.0/mlflow/unity-catalog/"
RUN = {
    "event_type": "jobs.on_start",
    "workspace_id": "8263410214",
    "run": {"run_id": 455644833},
    "job": {"job_id": 11223344, "name": "deploy risk.credit.pd"},
}


class FakeCatalog:
    """Two models, of which one lies in another schema; the search leaves tags out, as the real one does."""

    def __init__(self) -> None:
        self.tags: dict[tuple[str, str], dict[str, str]] = {("other.schema.pd", "1"): {}}

    def add(self, number: str, digest: str, **tags: str) -> None:
        self.tags[NAME, number] = {"countersign_digest": digest, **tags}

    def of(self, number: str) -> str | None:
        return self.tags[NAME, number].get(TASK)

    def __call__(self, asked: Asked) -> Told:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Told(403, {"error_code": "PERMISSION_DENIED"})
        url = urlsplit(asked.path)
        told = {key: values[0] for key, values in parse_qs(url.query).items()}
        act: Callable[[Any], Told] = getattr(
            self, url.path.removeprefix(UC).replace("/", "_").replace("-", "_")
        )
        return act(told if asked.method == "GET" else asked.json)

    def registered_models_search(self, told: dict[str, str]) -> Told:
        names = sorted({name for name, _ in self.tags})
        if "page_token" not in told and len(names) > 1:
            return Told(200, {"registered_models": [{"name": names[0]}], "next_page_token": "2"})
        return Told(200, {"registered_models": [{"name": name} for name in names[1:] or names]})

    def model_versions_search(self, told: dict[str, str]) -> Told:
        rows = [{"name": n, "version": v} for n, v in self.tags if told["filter"] == f"name='{n}'"]
        return Told(200, {"model_versions": rows})

    def model_versions_get(self, told: dict[str, str]) -> Told:
        tags = self.tags[told["name"], told["version"]]
        rows = [{"key": key, "value": value} for key, value in tags.items()]
        return Told(200, {"model_version": {**told, "status": "READY", "tags": rows}})

    def model_versions_set_tag(self, body: dict[str, str]) -> Told:
        self.tags[body["name"], body["version"]][body["key"]] = body["value"]
        return Told(200, {})

    def model_versions_delete_tag(self, body: dict[str, str]) -> Told:
        gone = self.tags[body["name"], body["version"]].pop(body["key"], None)
        return Told(200 if gone else 404, {})


@pytest.fixture
def catalog(world: Standing, elsewhere: Elsewhere) -> FakeCatalog:
    elsewhere.answers = found = FakeCatalog()
    return found


@pytest.fixture
def site(catalog: FakeCatalog, elsewhere: Elsewhere) -> Site:
    found = made(
        "databricks",
        hosts=elsewhere.host,
        given={"token": TOKEN},
        workspace=elsewhere.url,
        schemas="risk.credit",
        task=TASK,
    )
    found.bind(source=NAME, place="", version_from="commit")
    return found


def test_the_tag_stands_while_the_gate_allows_the_version(
    world: Standing, site: Site, catalog: FakeCatalog
) -> None:
    catalog.add("1", world.granted.version.digest)
    catalog.add("2", world.waiting.version.digest)
    catalog.add("3", "")

    poll = read(site)

    assert (poll.fault, poll.entries) == ("", 3), "the model of the other schema is left alone"
    assert [catalog.of(number) for number in "123"] == ["approved", None, None]

    approvals.revoke(by=factories.head(), approval=world.granted, reason="The data were wrong.")
    read(site)
    assert catalog.of("1") is None
    assert titles() == []


def test_a_tag_that_somebody_else_set_is_a_finding_and_taken_away(
    world: Standing, site: Site, catalog: FakeCatalog
) -> None:
    catalog.add("2", world.waiting.version.digest, **{TASK: "Approved"})
    read(site)
    assert catalog.of("2") is None
    assert titles() == [f"Somebody else marked {NAME}/2 “approved” in our-databricks"]


def test_a_tag_that_somebody_else_took_away_is_told_and_not_given_back(
    world: Standing, site: Site, catalog: FakeCatalog
) -> None:
    catalog.add("1", world.granted.version.digest)
    read(site)
    del catalog.tags[NAME, "1"][TASK]
    read(site)
    assert catalog.of("1") is None
    assert len(titles()) == 1


def test_a_digest_that_is_changed_there_loses_the_tag(
    world: Standing, site: Site, catalog: FakeCatalog
) -> None:
    catalog.add("1", world.granted.version.digest)
    read(site)
    catalog.tags[NAME, "1"]["countersign_digest"] = "sha256:" + "7" * 64
    read(site)
    assert catalog.of("1") is None


def test_a_name_that_would_break_the_filter_is_never_asked_for(site: Site, catalog: FakeCatalog) -> None:
    catalog.tags["risk.credit.x' or name='y", "1"] = {}
    assert read(site).fault == ""
    assert not RegistryEntry.objects.exists()


def test_the_way_out_can_be_tried(site: Site) -> None:
    assert "takes this token" in trying.tried(site.row)
    commands.give_secret(by=factories.administrator(), integration=site.row, name="token", value="dapi-x")
    assert "answered 403" in read(site).fault


def told(site: Site, body: Any = RUN, *, password: str | None = None, scheme: str = "Basic") -> int:
    pair = base64.b64encode(f"us:{password or site.secrets['webhook']}".encode()).decode()
    return site.deliver(body, {"Authorization": f"{scheme} {pair}"}).status_code


def test_a_notification_of_a_job_is_only_a_hint(site: Site, catalog: FakeCatalog) -> None:
    assert [told(site), told(site)] == [202, 200]
    assert RegistryPoll.objects.filter(integration=site.row).exists()
    assert told(site, password="x") == 401
    assert told(site, scheme="Digest") == 401
    assert site.deliver(RUN, {}).status_code == 401
    assert told(site, {**RUN, "run": {}}) == 422
    assert told(site, {**RUN, "job": {}}) == 422
    assert site.taken() == ["the catalogue is read again"]
