"""Evidence from elsewhere: sealed with its run, image and data, called self-reported, and under no gate."""

from __future__ import annotations

from typing import Any

import pytest

from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.models import Event, Statement
from apps.inventory import commands as inventory
from apps.inventory import elsewhere
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")
IMAGE = "sha256:" + "1" * 64
GIVEN: dict[str, Any] = {
    "system": "Spark",
    "run": "application_1763_0042",
    "image": IMAGE,
    "data": {"holdout": "2" * 64},
    "results": {"performance.auc": 0.81, "rows": 1_000_000},
}


def test_it_is_sealed_once_and_shown_as_what_it_is(client: Any) -> None:
    version, by = bank.version(), factories.service()
    own = version.datasets.get(name="holdout").digest
    given = {**GIVEN, "data": {"holdout": own, "another": "2" * 64}}
    made = inventory.report_evidence(by=by, version=version, given=given)
    assert inventory.report_evidence(by=by, version=version, given=given) == made
    assert Event.objects.filter(action="evidence.reported").count() == 1
    (found,) = elsewhere.reported_of(version)
    assert (found.said["provenance"], found.said["results"]["performance.auc"]) == ("self-reported", "0.81")
    assert found.known[own] == "holdout"
    with pytest.raises(Refused, match="other words"):
        inventory.report_evidence(by=by, version=version, given={**given, "results": {"auc": 0.99}})
    client.force_login(factories.validator(), backend="django.contrib.auth.backends.ModelBackend")
    address = "/api/v1/models/credit-pd/versions/1/reported-evidence"
    told = client.get(address).json()["reported"]
    assert told[0]["data"]["holdout"]["data_set_of_the_version"] == "holdout"
    assert told[0]["data"]["another"]["data_set_of_the_version"] is None
    assert "self-reported" in client.get("/models/credit-pd/versions/1").content.decode()
    client.force_login(factories.developer(), backend="django.contrib.auth.backends.ModelBackend")
    more = {**given, "run": "2"}
    assert client.post(address, more, content_type="application/json").status_code == 201
    assert (
        client.post(address, {**more, "data": {}}, content_type="application/json").json()["field"] == "data"
    )


def test_no_decision_comes_of_it() -> None:
    """Only what was measured here is decided on: with reports alone nothing can even be submitted."""
    version = bank.version("credit-pd", "2", rows=500)
    inventory.report_evidence(by=factories.developer(), version=version, given=GIVEN)
    with pytest.raises(Refused, match="no decision"):
        bank.resubmitted(version, by=factories.developer())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("system", ""),
        ("run", "a\u202eb"),
        ("image", "latest"),
        ("image", "sha256:" + "G" * 64),
        ("data", {}),
        ("data", {"holdout": None}),
        ("data", {"<b>": "2" * 64}),
        ("results", {}),
        ("results", {"auc": float("nan")}),
        ("results", {"auc": float("inf")}),
        ("results", {"auc": True}),
        ("results", {"auc": "0.9"}),
        ("results", {str(n): 1 for n in range(201)}),
    ],
)
def test_what_cannot_be_compared_is_refused_and_nothing_is_sealed(field: str, value: Any) -> None:
    version, before = bank.version(), Statement.objects.count()
    with pytest.raises(Invalid) as refused:
        inventory.report_evidence(by=factories.service(), version=version, given={**GIVEN, field: value})
    assert (refused.value.field, Statement.objects.count()) == (field, before)


def test_who_hands_in_no_versions_reports_nothing() -> None:
    with pytest.raises(Forbidden):
        inventory.report_evidence(by=factories.validator(), version=bank.version(), given=GIVEN)
