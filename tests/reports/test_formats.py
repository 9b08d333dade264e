"""A version taken away in the formats that others read, on its page and at the API."""

from __future__ import annotations

import json

import pytest

from apps.audit.errors import NotFound
from apps.engine.errors import BadInput
from apps.reports.formats import FORMATS, made_as
from tests import factories
from tests.engine.test_cyclonedx import validator as cyclonedx
from tests.engine.test_formats_out import lineage, published
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")


def taken(key: str, label: str = "1") -> bytes:
    return made_as(factories.validator(), "credit-pd", label, key).content


def test_a_decided_version_goes_out_in_every_format() -> None:
    bank.granted()
    found = {key: taken(key) for key in FORMATS}
    cyclonedx().validate(json.loads(found["cyclonedx"]))
    lineage().validate(json.loads(found["openlineage"]))
    published(json.loads(found["in-toto-test-result"]))
    published(json.loads(found["in-toto-svr"]))
    properties = json.loads(found["in-toto-svr"])["predicate"]["properties"]
    assert properties[0] == "GOV_APPROVED_USE_CREDIT_DECISION"
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
        made_as(elsewhere, "credit-pd", "1", "spdx")


def test_page_and_api_give_the_same_bytes(client) -> None:
    bank.decided(bank.version())
    by = factories.validator()
    client.force_login(by, backend="django.contrib.auth.backends.ModelBackend")
    told = client.get("/api/v1/models/credit-pd/versions/1/spdx")
    page = client.get("/models/credit-pd/versions/1/formats/spdx")
    assert told.content == page.content == taken("spdx")
    assert page.headers["Content-Disposition"] == 'attachment; filename="credit-pd-1.spdx.json"'
    assert b"/models/credit-pd/versions/1/formats/spdx" in client.get("/models/credit-pd/versions/1").content
