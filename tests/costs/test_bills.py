"""Bills of others: taken once, by model; what is wrong with a row is said of that row."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.audit.errors import Forbidden, Invalid
from apps.audit.models import Event
from apps.costs.bills import BillRefused
from apps.costs.commands import bring_in
from apps.costs.focus import read_csv, read_parquet
from apps.costs.models import CostImport, ImportedCost
from apps.costs.opencost import read_allocations
from apps.costs.statements import standing_charges
from apps.costs.states import Source
from tests import factories

pytestmark = pytest.mark.django_db

ROW = {
    "BilledCost": "12.40",
    "EffectiveCost": "11.10",
    "BillingCurrency": "EUR",
    "ChargePeriodStart": "2026-11-20T00:00:00Z",
    "ChargePeriodEnd": "2026-11-20T01:00:00Z",
    "ChargeCategory": "Usage",
    "ServiceName": "Training",
    "ProviderName": "Example Cloud",
    "ResourceId": "job/train-42",
    "Tags": '{"model":"credit-pd"}',
}


def bill(*rows: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def row(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def taken(data: bytes, **changes: Any):
    given = {"by": factories.head(), "source": Source.FOCUS, "name": "bill.csv", "digest": "sha256:0"}
    return bring_in(**{**given, "rows": read_csv(data), **changes})


@pytest.fixture(autouse=True)
def model():
    return factories.model()


def test_the_same_bill_twice_changes_nothing() -> None:
    data = bill(row(), row(ResourceId="job/2"))
    assert taken(data).counts["new"] == 2
    again = taken(data)
    assert (again.counts["unchanged"], again.stored) == (2, None)
    assert (ImportedCost.objects.count(), CostImport.objects.count()) == (2, 1)
    assert Event.objects.filter(action="cost.imported").count() == 1


def test_a_charge_that_changed_takes_the_place_of_the_old_one() -> None:
    taken(bill(row()))
    assert taken(bill(row(EffectiveCost="9"))).counts["changed"] == 1
    assert [charge.amount for charge in standing_charges()] == [Decimal(9)]
    assert ImportedCost.objects.count() == 2


def test_charges_that_nothing_tells_apart_are_all_taken_in_any_order() -> None:
    one, other = row(), row(EffectiveCost="5")
    assert taken(bill(one, one, other)).counts["new"] == 3
    assert taken(bill(other, one, one)).counts == tally(unchanged=3)


def tally(**counts: int) -> dict[str, int]:
    return dict.fromkeys(("new", "changed", "unchanged", "unknown", "refused"), 0) | counts


def test_a_trial_writes_nothing() -> None:
    told = taken(bill(row()), dry_run=True)
    assert (told.counts["new"], told.stored) == (1, None)
    assert not ImportedCost.objects.exists()


def test_unknown_tags_are_listed() -> None:
    told = taken(bill(row(Tags='{"model":"nobody"}'), row(Tags=""), row()))
    assert told.unknown_tags == ["", "nobody"]
    assert [(r["row"], r["result"]) for r in told.rows] == [(1, "unknown"), (2, "unknown"), (3, "new")]
    assert told.rows[0]["why"] == "There is no model 'nobody' in the inventory."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BilledCost": "NaN"}, "BilledCost is 'NaN'; a decimal number was expected"),
        ({"EffectiveCost": "1e99"}, "EffectiveCost is '1e99'"),
        ({"EffectiveCost": "=1+1"}, "EffectiveCost is '=1+1'"),
        ({"BillingCurrency": "euro"}, "BillingCurrency is 'euro'"),
        ({"ChargePeriodStart": "yesterday"}, "ChargePeriodStart is 'yesterday'"),
        ({"ChargePeriodStart": "2026-11-20T00:00:00"}, "the time needs a zone"),
        ({"ChargePeriodEnd": "2026-11-20T00:00:00Z"}, "it must lie after the start"),
        ({"ChargeCategory": "Gift"}, "ChargeCategory is 'Gift'; one of Usage"),
        ({"Tags": "{"}, "Tags is '{'; a JSON object was expected"),
        ({"Tags": "[" * 100_000}, "Tags is '[[["),
        ({"ServiceName": "x\x1b[2J"}, "it holds a control character"),
        ({"ResourceId": "x" * 501}, "ResourceId has 501 characters; 500 are kept"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_the_others_are_taken(changes, words: str) -> None:
    told = taken(bill(row(**changes), row()))
    assert told.counts == tally(new=1, refused=1)
    assert words in told.rows[0]["why"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a,b\0\n", "NUL"),
        (b"BilledCost\n1\n", "The column EffectiveCost is missing"),
        (b"BilledCost,BilledCost\n", "'BilledCost' stands twice"),
        (bill({k: v for k, v in ROW.items() if k != "ProviderName"}), "ServiceProviderName is missing"),
        (b",".join(b"c%d" % n for n in range(500)), "at most 400"),
        (bill(row()) + b'"open', "The file is no CSV"),
    ],
)
def test_what_is_no_bill_is_refused_whole(data: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        taken(data)
    assert not ImportedCost.objects.exists()


def test_a_row_of_another_length_is_refused_alone() -> None:
    assert taken(bill(row()) + b"1,2,3\n").counts == tally(new=1, refused=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"x_ModelKey": "credit-pd", "Tags": ""},
        {"Tags": '{"countersign/model": "credit-pd", "model": "other"}'},
        {"ProviderName": "", "ServiceProviderName": "Example Cloud"},
    ],
)
def test_every_version_of_the_format_names_the_model(changes: dict[str, str]) -> None:
    assert taken(bill(row(**changes))).counts["new"] == 1


def test_parquet_gives_the_same_charges(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    taken(bill(row()))
    file = tmp_path / "bill.parquet"
    typed = row(BilledCost=Decimal("12.40"), EffectiveCost=Decimal("11.10"))
    pq.write_table(pa.Table.from_pylist([typed]), file)
    assert taken(b"", rows=read_parquet(file)).counts == tally(unchanged=1)
    file.write_bytes(b"PAR1 not really")
    with pytest.raises(BillRefused, match="no Parquet"):
        list(read_parquet(file))


def allocation(**changes: Any) -> dict[str, Any]:
    window = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}
    return {"properties": {"cluster": "prod"}, "window": window, "totalCost": 1.25, **changes}


def allocations(**named: Any) -> bytes:
    return json.dumps({"code": 200, "data": [named]}).encode()


def test_allocations_of_a_cluster_are_charges_in_a_currency_that_is_said() -> None:
    data = allocations(**{"credit-pd": allocation(), "__idle__": allocation(), "bad": {"totalCost": None}})
    told = taken(data, source=Source.OPENCOST, rows=read_allocations(data, "USD"))
    assert told.counts == tally(new=1, unknown=1, refused=1)
    charge = ImportedCost.objects.get()
    assert (charge.amount, charge.currency, charge.provider) == (Decimal("1.25"), "USD", "prod")
    assert taken(data, rows=read_allocations(data, "USD")).counts["unchanged"] == 1


@pytest.mark.parametrize(
    ("data", "currency", "words"),
    [
        (b"[]", "USD", "a list"),
        (b"{", "USD", "no JSON"),
        (b'{"data":[{"x":{"totalCost":NaN}}]}', "USD", "NaN is no number"),
        (b'{"data":[]}', "", "currency is ''"),
    ],
)
def test_what_is_no_answer_of_a_cluster_is_refused(data: bytes, currency: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        taken(b"", rows=read_allocations(data, currency))


def test_who_may_not_brings_nothing_in() -> None:
    with pytest.raises(Forbidden):
        taken(bill(row()), by=factories.developer())
