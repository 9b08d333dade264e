"""MLflow: versions are read with their runs and files, marked as the gate answers, watched for other hands.

Every test is held against a small server that answers as MLflow was heard to; where COUNTERSIGN_MLFLOW names
the program of MLflow 3.17.2 also against the real one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from apps.approvals import commands as approvals
from apps.approvals.models import Finding
from apps.audit.errors import Refused
from apps.audit.models import Event
from apps.deploys import commands
from apps.deploys.commands import registries, registry_files
from apps.deploys.integrations import trying
from apps.deploys.models import Inbound, RegistryEntry, RegistryPoll
from apps.gates.clock import database_now
from apps.inventory.models import Blob
from apps.inventory.store import open as open_bytes
from tests import factories
from tests.cli.loopback import Asked, Told, loopback
from tests.integrations.mlflow_sides import Real, Registry, Side, Small, program, real, small
from tests.integrations.site import WORKER, Site, made
from tests.integrations.test_pages import signed_in
from tests.standing import Standing

TAGGED = {
    "entity": "model_version_tag",
    "action": "set",
    "timestamp": "2026-11-21T06:27:31.722875+00:00",
    "data": {"name": "credit-pd", "version": "1", "key": "governance.status", "value": "pending"},
}
SPENT = {
    "entity": "budget_policy",
    "action": "exceeded",
    "timestamp": "2026-11-21T06:27:31.722875+00:00",
    "data": {
        "budget_policy_id": "bp-abc123",
        "budget_unit": "USD",
        "budget_amount": 100.0,
        "current_spend": 105.5,
        "duration_unit": "MONTHS",
        "duration_value": 1,
        "target_scope": "GLOBAL",
        "workspace": "default",
        "window_start": 1704067200000,
    },
}


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with real(tmp_path_factory.mktemp("mlflow")) as found:
        yield found


REAL = pytest.mark.skipif(not program(), reason="COUNTERSIGN_MLFLOW names no program of MLflow 3.17.2")


@pytest.fixture(params=["small", pytest.param("real", marks=[REAL, pytest.mark.slow])])
def side(world: Standing, request: pytest.FixtureRequest) -> Iterator[Side]:
    with ExitStack() as stack:
        here = request.param == "small"
        yield stack.enter_context(small()) if here else request.getfixturevalue("real_server")


@pytest.fixture
def models(side: Side) -> Registry:
    return Registry(side)


@pytest.fixture
def site(models: Registry) -> Site:
    hosts = f"{models.side.url}=127.0.0.0/8"
    found = made("mlflow", hosts=hosts, base=models.side.url, models=models.name, file="model.yaml")
    found.bind(source=models.name, place="", version_from="commit")
    return found


def manifest(world: Standing, which: str) -> bytes:
    """The bytes by which a version of ours is known."""
    with open_bytes(getattr(world, which).version.manifest_digest) as stream:
        return bytes(stream.read())


def read(site: Site) -> RegistryPoll:
    """The registry read now, whenever its time is."""
    registries._due_now(site.row)
    found = commands.read_registry(by=WORKER, integration_id=site.row.pk)
    assert found is not None
    return found


def titles() -> list[str]:
    rows = Finding.objects.filter(title__startswith="Somebody else").order_by("pk")
    return [
        title.partition(" marked ")[2].partition("/")[2] for title in rows.values_list("title", flat=True)
    ]


def offered(world: Standing, models: Registry) -> None:
    """One that is granted, one that waits for its reviewers, one that nobody registered."""
    models.version(manifest(world, "granted"), file="model.yaml")
    models.version(manifest(world, "waiting"), file="model.yaml")
    models.version(b"something else", file="model.yaml")


def test_versions_are_read_fetched_and_marked(world: Standing, site: Site, models: Registry) -> None:
    offered(world, models)

    poll = read(site)

    assert (poll.fault, poll.entries) == ("", 3)
    assert [models.tag(n) for n in "123"] == ["approved", "pending", "pending"]
    assert models.alias() == "1"
    entry = RegistryEntry.objects.get(number="2")
    assert entry.digest == world.waiting.version.manifest_digest
    assert (entry.said["runs_before"], entry.said["parameters"]) == (1, {"C": "0.5"})
    assert entry.said["metrics"]["auc"] == "0.8"
    other = RegistryEntry.objects.get(number="3").said["file"]["digest"]
    assert Blob.objects.get(pk=other).stored_by == site.row.account
    assert set(Event.objects.values_list("action", flat=True)) >= {"registry.fetched", "registry.marked"}
    assert titles() == []


def test_the_same_again_writes_nothing(world: Standing, site: Site, models: Registry) -> None:
    offered(world, models)
    read(site)
    before = Event.objects.count()
    assert read(site).fault == ""
    assert Event.objects.count() == before


def test_a_void_approval_takes_tag_and_alias_away(world: Standing, site: Site, models: Registry) -> None:
    offered(world, models)
    read(site)
    approvals.revoke(by=factories.head(), approval=world.granted, reason="The data were wrong.")

    read(site)

    assert (models.tag("1"), models.alias()) != ("approved", "1")
    assert models.alias() == ""
    assert titles() == []


@pytest.mark.parametrize("by", ["tag", "alias"])
def test_an_approval_by_somebody_else_is_a_finding_and_put_right(
    world: Standing, site: Site, models: Registry, by: str
) -> None:
    offered(world, models)
    read(site)
    if by == "tag":
        models.set_tag("2", "approved")
    else:
        models.set_alias("2")

    read(site)

    assert models.tag("2") == "pending"
    assert titles()[0] == "2 “approved” in our-mlflow"
    read(site)
    assert models.alias() == "1"


def test_an_alias_that_somebody_takes_away_is_told_and_not_given_back(
    world: Standing, site: Site, models: Registry
) -> None:
    offered(world, models)
    read(site)
    models.drop_alias()

    read(site)

    assert titles() == ["1 “approved, and the alias is gone” in our-mlflow"]
    assert models.alias() == ""


def test_one_that_is_deleted_there_is_gone_here(world: Standing, site: Site, models: Registry) -> None:
    offered(world, models)
    read(site)
    models.drop("3")
    read(site)
    assert [entry.number for entry in RegistryEntry.objects.exclude(gone_at=None)] == ["3"]
    assert Event.objects.filter(action="registry.gone").count() == 1


def test_other_bytes_under_an_approved_name_are_seen_and_no_longer_approved(
    world: Standing, site: Site, models: Registry
) -> None:
    models.version(manifest(world, "granted"), file="model.yaml")
    read(site)
    run = RegistryEntry.objects.get().said["run"]["id"]
    uri = models.side.post(f"runs/get?run_id={run}", {}, "GET")["run"]["info"]["artifact_uri"]
    models.side.upload(f"{uri.removeprefix('mlflow-artifacts:/')}/model/model.yaml", b"changed")
    row = RegistryEntry.objects.get()
    long_ago = (database_now() - registry_files.AGAIN - timedelta(minutes=1)).isoformat()
    RegistryEntry.objects.update(said={**row.said, "file": {**row.said["file"], "at": long_ago}})

    read(site)

    assert (models.tag("1"), models.alias()) == ("pending", "")


def test_a_version_without_its_file_is_a_draft_with_its_trouble_in_words(
    world: Standing, site: Site, models: Registry
) -> None:
    models.version(b"", file="model.yaml")
    poll = read(site)
    entry = RegistryEntry.objects.get()
    assert "no file “model.yaml”" in poll.fault
    assert "no file" in entry.said["file"]["fault"]
    assert (entry.digest, models.tag("1")) == ("", "pending")


def test_what_was_read_stands_on_pages_and_in_the_api(world: Standing, site: Site, models: Registry) -> None:
    offered(world, models)
    read(site)
    models.drop_alias()
    read(site)
    admin, place = signed_in(world.people["administrator"]), f"/administration/integrations/{site.row.pk}"

    shown = admin.get(place).content.decode()
    assert f"{models.name}/1" in shown
    assert "credit-pd@1" in shown
    assert ">draft<" in shown
    entry = RegistryEntry.objects.get(number="1")
    for act in (
        {"act": "mark", "entry": str(entry.pk), "reason": "It was not us."},
        {"act": "look"},
    ):
        assert admin.post(place, act).status_code == 302
    read(site)
    assert models.alias() == "1"

    developer = signed_in(world.people["developer"])
    assert "Runs before it" in developer.get("/models/credit-pd/versions/1").content.decode()
    told = developer.get("/api/v1/models/credit-pd/versions/1/registries").json()["registries"]
    assert [(one["name"], one["provenance"]) for one in told] == [(models.name, "self-reported")]
    assert told[0]["says"]["runs_before"] == 0


def test_the_way_out_can_be_tried(site: Site, models: Registry) -> None:
    assert "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS" in trying.tried(site.row)


# What comes in ------------------------------------------------------------------------------------------


def proof(secret: str, raw: bytes, *, delivery: str = "d-1", at: int = 0) -> dict[str, str]:
    seconds = str(int(time.time()) + at)
    text = f"{delivery}.{seconds}.".encode() + raw
    sign = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    return {
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": seconds,
        "X-MLflow-Signature": f"v1,{sign}",
    }


@pytest.fixture
def quiet(world: Standing) -> Site:
    return made("mlflow", hosts="http://127.0.0.1:9=127.0.0.0/8", base="http://127.0.0.1:9")


def delivered(site: Site, body: dict[str, Any], **more: Any) -> HttpResponse:
    raw = json.dumps(body).encode()
    return site.deliver(raw, proof(site.secrets["webhook"], raw, **more))


def test_the_signature_that_was_heard_from_a_real_server_is_taken() -> None:
    from apps.deploys.integrations.proving import signed_mlflow

    raw = json.dumps(
        {
            "entity": "registered_model",
            "action": "created",
            "timestamp": "2026-11-21T06:27:29.859629+00:00",
            "data": {"name": "credit-pd", "tags": {"tier": "1"}, "description": "PD scorecard"},
        }
    ).encode()
    heard = {
        "delivery": "653ba0b2-159b-468d-9c10-84ad0e6f8eb1",
        "at": "1795242449",
        "told": "v1,5b1Lh6Y5OqQXRZw6++hIHlv/VKisxa3g3jMFLlTkHik=",
    }
    assert signed_mlflow([b"s3cret-shared"], raw, now=1795242449.0, **heard)
    assert not signed_mlflow([b"s3cret-shared"], raw + b" ", now=1795242449.0, **heard)


def test_a_delivery_has_the_registry_read_again(quiet: Site) -> None:
    assert delivered(quiet, TAGGED).status_code == 202
    assert delivered(quiet, TAGGED).status_code == 200
    assert RegistryPoll.objects.get(integration=quiet.row).due_at <= database_now()
    assert Inbound.objects.get().what == "model_version_tag.set"


def test_prompts_are_nothing_to_do(quiet: Site) -> None:
    assert delivered(quiet, {**TAGGED, "entity": "prompt", "action": "created"}).status_code == 202
    assert quiet.taken() == ["nothing to do"]


def test_a_budget_of_the_gateway_that_is_used_up_is_told(quiet: Site) -> None:
    assert delivered(quiet, SPENT).status_code == 202
    event = Event.objects.get(action="spending.exceeded")
    assert quiet.taken() == ["budget bp-abc123: 105.50 of 100.00 USD spent"]
    assert event.object_id == str(quiet.row.pk)


@pytest.mark.parametrize("data", [None, [], "x"])
def test_a_budget_that_says_nothing_is_refused(quiet: Site, data: Any) -> None:
    assert delivered(quiet, {**SPENT, "data": data}).status_code == 422


def test_the_key_is_the_text_of_the_secret_and_no_other_scheme_counts(quiet: Site) -> None:
    raw = json.dumps(TAGGED).encode()
    right = proof(quiet.secrets["webhook"], raw)
    standard = {f"webhook-{name}": right[f"X-MLflow-{name.title()}"] for name in ("timestamp", "signature")}
    assert quiet.deliver(raw, {**standard, "webhook-id": "d-1"}).status_code == 401
    assert quiet.deliver(raw, {**right, "X-MLflow-Delivery-Id": "d-2"}).status_code == 401
    assert quiet.deliver(raw, {**right, "X-MLflow-Timestamp": "1"}).status_code == 401
    assert quiet.deliver(raw, right).status_code == 202


# What may go wrong there --------------------------------------------------------------------------------


def test_a_server_that_is_away_leaves_all_as_it_was(world: Standing) -> None:
    with small() as side:
        models = Registry(side)
        ours = made("mlflow", hosts=f"{side.url}=127.0.0.0/8", base=side.url, file="model.yaml")
        ours.bind(source=models.name, place="", version_from="commit")
        offered(world, models)
        read(ours)
        side.away = True
        assert "503" in read(ours).fault
        assert RegistryEntry.objects.filter(gone_at=None).count() == 3
        with pytest.raises(Refused, match="address of the tracking server"):
            trying.tried(ours.row)


def test_it_proves_who_asks_with_the_token_that_was_given(world: Standing) -> None:
    with small() as side:
        side.token = "mlflow-1"
        models = Registry(side)
        given = {"token": "mlflow-1"}
        ours = made("mlflow", hosts=f"{side.url}=127.0.0.0/8", given=given, base=side.url, file="model.yaml")
        ours.bind(source=models.name, place="", version_from="commit")
        offered(world, models)
        assert read(ours).fault == ""
        side.token = "another"
        assert "401" in read(ours).fault


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/model", "file:///etc", "mlflow-artifacts:/../../etc", "mlflow-artifacts://evil.example/x"],
)
def test_files_come_through_mlflow_and_from_nowhere_else(world: Standing, uri: str) -> None:
    class Wrong(Small):
        def get_model_versions_get_download_uri(self, told: dict[str, str]) -> Any:
            return {"artifact_uri": uri}

    wrong = Wrong()
    with loopback(wrong) as server:
        wrong.url = server.url
        models = Registry(wrong)
        ours = made("mlflow", hosts=f"{wrong.url}=127.0.0.0/8", base=wrong.url, file="model.yaml")
        ours.bind(source=models.name, place="", version_from="commit")
        offered(world, models)
        assert "does not hand them out" in read(ours).fault
        assert not [asked for asked in server.asked if asked.path.startswith("/api/2.0/mlflow-artifacts")]


@REAL
@pytest.mark.slow
def test_a_real_server_delivers_and_what_it_sends_is_taken_once(world: Standing, real_server: Real) -> None:
    caught: list[Asked] = []

    def catch(asked: Asked) -> Told:
        caught.append(asked)
        return Told(200, {})

    with loopback(catch) as receiver:
        ours = made("mlflow", hosts=f"{real_server.url}=127.0.0.0/8", base=real_server.url)
        events = [
            {"entity": "REGISTERED_MODEL", "action": "CREATED"},
            {"entity": "MODEL_VERSION", "action": "CREATED"},
            {"entity": "MODEL_VERSION_TAG", "action": "SET"},
            {"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"},
        ]
        hook = {"name": uuid.uuid4().hex, "url": f"{receiver.url}/hook", "events": events}
        real_server.post("webhooks", {**hook, "secret": ours.secrets["webhook"]})
        models = Registry(real_server)
        number = models.version(b"onnx")
        models.set_tag(number, "approved")
        models.set_alias(number)
        end = time.monotonic() + 60
        while len(caught) < 4 and time.monotonic() < end:
            time.sleep(0.2)

    names = ("X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature")
    for asked in caught:
        headers = {name: asked.headers[name.lower()] for name in names}
        assert ours.deliver(asked.body, headers).status_code == 202
        assert ours.deliver(asked.body, headers).status_code == 200
        assert ours.deliver(asked.body + b" ", headers).status_code == 401
    what = set(Inbound.objects.values_list("what", flat=True))
    assert what == {
        "registered_model.created",
        "model_version.created",
        "model_version_tag.set",
        "model_version_alias.created",
    }
