"""What comes in wrong, or goes bad later: one sentence that names it, no yes, nothing half-written."""

from __future__ import annotations

import json

import pytest

from apps.audit.errors import Refused
from apps.deploys.commands import admit
from apps.engine.errors import Problem
from apps.gates import commands as gates
from apps.gates.states import RunState
from apps.inventory import commands as inventory
from apps.inventory.models import ModelVersion, RegisteredModel
from apps.inventory.store import the_store
from tests import factories
from tests.flows import bank

pytestmark = pytest.mark.usefixtures("small_bank")

HEAD = b"sex,income,pd,defaulted,approved\n"


def test_data_changed_after_registration_is_never_measured() -> None:
    made = bank.version(label="changed", rows=437)
    path = the_store().path(made.datasets.get(name="holdout").digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"F", b"M", 1))

    run = gates.request_run(by=factories.developer(), version=made, use=bank.use_of(made))
    gates.execute_run(by=bank.WORKER, run_id=run.pk, owner="a test")

    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunState.ERRORED, 1)
    assert made.datasets.get(name="holdout").digest in run.cause
    answer = admit(by=factories.service(), model="credit-pd", version="changed", environment="production")
    assert not answer.allowed
    assert "no_decision" in {r["code"] for r in answer.reasons}


def register(data: bytes, **changes: object) -> None:
    manifest = factories.manifest("bad-model", "1", datasets={"holdout": factories.holdout(**changes)})
    inventory.register_version(
        by=factories.developer(),
        manifest=json.dumps(manifest).encode(),
        blobs={"datasets": {"holdout": factories.blob(data).digest}},
    )


@pytest.mark.parametrize(
    ("data", "changes", "named"),
    [
        (b"", {}, "empty"),
        (HEAD.replace(b"pd,", b""), {}, "pd"),
        (factories.table(30), {"protected": ["religion"]}, "religion"),
        (factories.table(30), {"label": {"column": "default", "positive": 1}}, "default"),
        (b"PAR1 and then nothing", {"path": "holdout.parquet"}, "holdout"),
        (b"\x1f\x8b\x08 cut off", {"path": "holdout.csv.gz"}, "holdout"),
    ],
    ids=["empty", "no-score", "no-attribute", "no-label", "truncated-parquet", "truncated-gzip"],
)
def test_data_that_cannot_be_read_is_not_registered(data: bytes, changes: dict, named: str) -> None:
    with pytest.raises((Refused, Problem), match=named):
        register(data, **changes)
    assert not ModelVersion.objects.filter(model__key="bad-model").exists()
    assert not RegisteredModel.objects.filter(key="bad-model").exists()


def test_the_same_label_with_other_bytes_is_refused_by_both_digests() -> None:
    made = bank.version()
    other = factories.blob(factories.table(30)).digest
    with pytest.raises(Refused) as refused:
        inventory.register_version(
            by=factories.developer(),
            manifest=json.dumps(factories.manifest("credit-pd", "1")).encode(),
            blobs={"datasets": {"holdout": other}},
        )
    assert made.digest in str(refused.value)
    assert "credit-pd@1" in str(refused.value)
    assert ModelVersion.objects.filter(model=made.model, label="1").count() == 1
