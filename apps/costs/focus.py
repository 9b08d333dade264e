"""Bills in the format FOCUS, 1.0 to 1.4, as CSV or Parquet: which charge belongs to which model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from apps.costs.bills import (
    LARGEST,
    MOST_ROWS,
    BillRefused,
    Charge,
    Read,
    Refusal,
    RowRefused,
    currency_code,
    decimal,
    moment,
    plain,
    shown,
)
from apps.costs.states import Source

NEEDED = (
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ServiceName",
)
# 1.0 to 1.2 say ProviderName, 1.3 both, 1.4 only the newer word.
PROVIDERS = ("ServiceProviderName", "ProviderName")
CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
APART = (
    "BillingAccountId",
    "SubAccountId",
    "SkuId",
    "SkuPriceId",
    "RegionId",
    "ChargeClass",
    "ChargeFrequency",
    "PricingCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "InvoiceId",
)
TAGS = ("countersign/model", "model")
COLUMNS = ("x_ModelKey", "x_Model")
_MOST_COLUMNS = 400

Row = Mapping[str, Any]


def read_csv(data: bytes) -> Iterator[Read]:
    """The rows of a CSV file."""
    if len(data) > LARGEST:
        raise BillRefused(f"The file has {len(data):,} bytes; {LARGEST:,} are read at once.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BillRefused(f"The file is not UTF-8 (byte {error.start}).") from None
    if "\0" in text:
        raise BillRefused("The file holds a NUL character; it is no CSV.")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    head = _head(_next(rows))
    yield from _read(_dicts(rows, head))


def _next(rows: Iterator[list[str]]) -> list[str]:
    try:
        return next(rows)
    except StopIteration:
        raise BillRefused("The file is empty; a head with the columns of FOCUS was expected.") from None
    except csv.Error as error:
        raise BillRefused(f"The file is no CSV: {error}.") from None


def _head(names: list[str]) -> list[str]:
    found = [name.strip() for name in names]
    if len(found) > _MOST_COLUMNS:
        raise BillRefused(f"The file has {len(found):,} columns; at most {_MOST_COLUMNS} are read.")
    twice = sorted({name for name in found if found.count(name) > 1})
    if twice:
        raise BillRefused(f"The column {shown(twice[0])} stands twice.")
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise BillRefused(f"The column {missing[0]} is missing; FOCUS 1.0 to 1.4 has it.")
    if not any(name in found for name in PROVIDERS):
        raise BillRefused(
            "The column ServiceProviderName is missing, and so is ProviderName, its older name."
        )
    return found


def _dicts(rows: Iterator[list[str]], head: list[str]) -> Iterator[Row | str]:
    """Each row by column, or the sentence why it is none."""
    try:
        for cells in rows:
            if not cells:
                continue
            told = f"The row has {len(cells)} cells; the head has {len(head)}."
            yield dict(zip(head, cells, strict=True)) if len(cells) == len(head) else told
    except csv.Error as error:
        raise BillRefused(f"The file is no CSV: {error} (line {getattr(rows, 'line_num', '?')}).") from None


def read_parquet(path: Path) -> Iterator[Read]:
    """The rows of a Parquet file of one's own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > MOST_ROWS:
            raise BillRefused(
                f"The file has {file.metadata.num_rows:,} rows; at most {MOST_ROWS:,} are read."
            )
        head = set(_head(list(file.schema_arrow.names)))
        wanted = [*NEEDED, *PROVIDERS, *APART, *COLUMNS, "Tags", "ChargeDescription", "ResourceId"]
        columns = [name for name in wanted if name in head]
        batches = file.iter_batches(batch_size=10_000, columns=columns)
        yield from _read(row for batch in batches for row in batch.to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise BillRefused(f"The file is no Parquet that can be read: {str(error)[:200]}.") from None


def _read(rows: Iterable[Row | str]) -> Iterator[Read]:
    for number, row in enumerate(rows, 1):
        if number > MOST_ROWS:
            raise BillRefused(f"The file has more than {MOST_ROWS:,} rows.")
        try:
            yield Refusal(number, row) if isinstance(row, str) else _charge(number, row)
        except RowRefused as refused:
            yield Refusal(number, str(refused))


def _charge(number: int, row: Row) -> Charge:
    start = moment(row["ChargePeriodStart"], "ChargePeriodStart")
    end = moment(row["ChargePeriodEnd"], "ChargePeriodEnd")
    if end <= start:
        raise RowRefused(f"ChargePeriodEnd is {shown(row['ChargePeriodEnd'])}; it must lie after the start.")
    category = plain(row["ChargeCategory"], "ChargeCategory", 40)
    if category not in CATEGORIES:
        raise RowRefused(f"ChargeCategory is {shown(category)}; one of {', '.join(CATEGORIES)} was expected.")
    provider = next((row[name] for name in PROVIDERS if row.get(name)), "")
    return Charge(
        number=number,
        source=Source.FOCUS,
        tag=_tag(row),
        provider=plain(provider, "ServiceProviderName", 200),
        service=plain(row["ServiceName"], "ServiceName", 200),
        category=category,
        description=plain(row.get("ChargeDescription"), "ChargeDescription", 500),
        resource=plain(row.get("ResourceId"), "ResourceId", 500),
        period_start=start,
        period_end=end,
        billed=decimal(row["BilledCost"], "BilledCost"),
        amount=decimal(row["EffectiveCost"], "EffectiveCost"),
        currency=currency_code(plain(row["BillingCurrency"], "BillingCurrency", 20), "BillingCurrency"),
        apart=tuple(plain(row.get(name), name, 500) for name in APART),
    )


def _tag(row: Row) -> str:
    """The model that a charge is tagged with; empty where it is tagged with none."""
    for name in COLUMNS:
        if row.get(name):
            return plain(row[name], name, 200)
    tags = _tags(row.get("Tags"))
    found = next((tags[name] for name in TAGS if tags.get(name)), "")
    return plain(found, "Tags", 200)


def _tags(value: Any) -> Mapping[str, Any]:
    """Tags as an object: JSON in CSV, a map or a struct in Parquet."""
    if isinstance(value, list):
        value = dict(value)
    if value is None or value == "" or value == "null":
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise RowRefused(f"Tags is {shown(value)}; a JSON object was expected.") from None
    if not isinstance(found, dict):
        raise RowRefused(f"Tags is {shown(value)}; a JSON object was expected.")
    return found
