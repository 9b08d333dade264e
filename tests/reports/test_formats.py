"""A version taken away in the formats that others read, on its page and at the API."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2

from apps.access.models import Person
from apps.approvals import commands as approvals
from apps.audit.errors import Forbidden, NotFound, Refused
from apps.audit.models import Event, Statement
from apps.audit.past import reading
from apps.audit.queries import keys
from apps.cli.main import main as program
from apps.engine.errors import BadInput
from apps.engine.keys import FileSigner, KeyRecord, KeySet, Purpose
from apps.engine.statement import sign, verify
from apps.reports.commands import export_version
from apps.reports.formats import FORMATS
from tests import factories
from tests.engine.test_cyclonedx import validator as cyclonedx
from tests.engine.test_formats_out import lineage, published
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def taken(key: str, label: str = "1") -> bytes:
    return export_version(by=auditor(), model="credit-pd", label=label, format=key).content


def auditor() -> Person:
    return factories.person("auditor", "auditor")


def test_a_decided_version_goes_out_in_every_format() -> None:
    bank.granted()
    found = {key: taken(key) for key in FORMATS}
    cyclonedx().validate(json.loads(found["cyclonedx"]))
    lineage().validate(json.loads(found["openlineage"]))
    said = verify(json.loads(found["in-toto-svr"]), keys())
    published(said)
    assert said["predicate"]["properties"][0] == "GOV_APPROVED_USE_CREDIT_DECISION"
    assert found["model-card"].startswith(b"---\nmodel_name: credit-pd\n")


@pytest.mark.parametrize("key", ["in-toto-test-result", "in-toto-svr", "openlineage"])
def test_before_a_decision_there_is_nothing_to_attest(key: str) -> None:
    bank.version("credit-pd", "2", rows=500)
    with pytest.raises(BadInput, match="no decision"):
        taken(key, "2")
    assert taken("model-card", "2")


def test_another_format_and_another_unit_are_not_found() -> None:
    bank.version()
    with pytest.raises(NotFound, match="is no format"):
        taken("docx")
    factories.unit("markets")
    elsewhere = factories.person("elsewhere", "risk-officer", scope="unit", key="markets")
    with pytest.raises(NotFound):
        export_version(by=elsewhere, model="credit-pd", label="1", format="in-toto-svr")


def test_page_and_api_give_the_same_bytes(client) -> None:
    bank.decided(bank.version())
    by = factories.validator()
    client.force_login(by, backend="django.contrib.auth.backends.ModelBackend")
    told = client.get("/api/v1/models/credit-pd/versions/1/spdx")
    page = client.get("/models/credit-pd/versions/1/formats/spdx")
    assert told.content == page.content == taken("spdx")
    assert page.headers["Content-Disposition"] == 'attachment; filename="credit-pd-1.spdx.json"'
    assert b"/models/credit-pd/versions/1/formats/spdx" in client.get("/models/credit-pd/versions/1").content


# What attests is signed as it goes out --------------------------------------------------------------------

SIGNED = ("in-toto-test-result", "in-toto-svr")


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """The service's keys as a person saved them once."""
    place = tmp_path / "keys.json"
    place.write_text(json.dumps(keys().as_json()))
    return place


def checked(data: bytes, pinned: Path, *more: str) -> int:
    place = pinned.with_name("taken.json")
    place.write_bytes(data)
    return program(["verify", str(place), "--keys", str(pinned), *more])


def test_an_attestation_is_signed_and_told_of_and_verified_without_the_service(pinned, capsys) -> None:
    granted = bank.granted()
    for key in SIGNED:
        data = taken(key)
        envelope, sealed = json.loads(data), Statement.objects.latest("signed_at")
        event = Event.objects.filter(action="export.made").latest("recorded_at")
        assert (bytes(sealed.envelope), sealed.event) == (data, event)
        assert event.actor_id == str(auditor().pk)
        assert event.doc["object"]["name"] == f"credit-pd-1.{FORMATS[key].ending}"
        assert envelope["payloadType"] == "application/vnd.in-toto+json"
        assert [one["keyid"] for one in envelope["signatures"]] == [sealed.key_id]
        assert checked(data, pinned, "--format", "text") == 0
    told = capsys.readouterr().out
    assert "property     GOV_APPROVED_USE_CREDIT_DECISION" in told
    assert f"credit-pd@1 {granted.version.digest}" in told


def test_the_same_facts_are_attested_once_and_other_facts_anew(pinned) -> None:
    """What was signed goes out again while it holds; that it was taken is told each time."""
    approval = bank.granted()
    first = {key: taken(key) for key in SIGNED}
    sealed, told = Statement.objects.count(), Event.objects.filter(action="export.made")
    taken_so_far = told.count()
    assert {key: taken(key) for key in SIGNED} == first
    assert (Statement.objects.count(), told.count()) == (sealed, taken_so_far + 2)
    approvals.revoke(by=factories.risk_officer(), approval=approval, reason="It drifts.")
    again = {key: taken(key) for key in SIGNED}
    assert (again[SIGNED[0]], again[SIGNED[1]] != first[SIGNED[1]]) == (first[SIGNED[0]], True)
    assert b"GOV_APPROVED" not in base64.b64decode(json.loads(again[SIGNED[1]])["payload"])


@pytest.mark.parametrize("key", SIGNED)
def test_who_may_not_export_gets_nothing_signed(key: str) -> None:
    bank.granted()
    with pytest.raises(Forbidden):
        export_version(by=factories.validator(), model="credit-pd", label="1", format=key)


def altered(envelope: dict[str, Any]) -> dict[str, Any]:
    payload = base64.b64decode(envelope["payload"]).replace(b"GOV_TIER_2", b"GOV_TIER_4")
    return envelope | {"payload": base64.b64encode(payload).decode()}


def by_another(envelope: dict[str, Any]) -> dict[str, Any]:
    other = FileSigner(Ed25519PrivateKey.generate())
    said = sign(base64.b64decode(envelope["payload"]), other)
    return said | {"signatures": [said["signatures"][0] | {"keyid": envelope["signatures"][0]["keyid"]}]}


def of_another_type(envelope: dict[str, Any]) -> dict[str, Any]:
    return envelope | {"payloadType": "application/json"}


def not_signed(envelope: dict[str, Any]) -> dict[str, Any]:
    return json.loads(base64.b64decode(envelope["payload"]))


WRONG = {
    altered: "No trusted key made any of its signatures",
    by_another: "No trusted key made any of its signatures",
    of_another_type: "payload type is 'application/json'",
    not_signed: "holds no signed statement",
}


def test_one_that_was_touched_is_refused_and_a_genuine_one_permits_nothing(pinned, capsys) -> None:
    bank.granted()
    data = taken("in-toto-svr")
    for touch, why in WRONG.items():
        envelope = touch(json.loads(data))
        assert envelope != json.loads(data)
        assert checked(json.dumps(envelope).encode(), pinned) == 1, touch
        assert why in capsys.readouterr().out
    other = FileSigner(Ed25519PrivateKey.generate())
    assert checked(data, keys_of(other, pinned)) == 1
    assert checked(data, pinned, "--allowed") == checked(data, pinned, "--environment", "production") == 1
    assert "It is not an admission, so it permits nothing" in capsys.readouterr().out
    before = Statement.objects.count()
    with pytest.raises(Refused, match="past is only read"), reading(timezone.now()):
        taken("in-toto-svr")
    assert Statement.objects.count() == before


def keys_of(signer: FileSigner, pinned: Path) -> Path:
    key = KeyRecord(
        public=signer.public, purpose=Purpose.STATEMENT, valid_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    place = pinned.with_name("others.json")
    place.write_text(json.dumps(KeySet((key,)).as_json()))
    return place


def test_the_readers_of_in_toto_read_what_api_and_page_give(client) -> None:
    bank.decided(bank.version())
    client.force_login(auditor(), backend="django.contrib.auth.backends.ModelBackend")
    for address in ("/api/v1/models/credit-pd/versions/1/", "/models/credit-pd/versions/1/formats/"):
        told = client.get(f"{address}in-toto-test-result")
        assert told.headers["Content-Type"] == "application/vnd.in-toto.test-result+dsse"
        said = json.loads(base64.b64decode(json.loads(told.content)["payload"]))
        published(said)
        # The time of signing is ours, and readers pass over what they do not know.
        read = json_format.ParseDict(
            said["predicate"], test_result_pb2.TestResult(), ignore_unknown_fields=True
        )
        assert read.result == "PASSED"
        assert read.configuration[0].digest["sha256"]
