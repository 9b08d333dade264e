"""What runs cost, as rows of FOCUS 1.2 that any tool for bills reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from apps.costs.models import CostEntry
from apps.costs.queries import begin, next_month, within
from apps.engine.csv_safe import safe_text

VERSION = "1.2"
PROVIDER = "Countersign"

# The columns that FOCUS 1.2 asks of every file, in the order of the alphabet as it has them, then ours.
MANDATORY = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
)
FURTHER = (
    "ChargeFrequency",
    "ConsumedQuantity",
    "ConsumedUnit",
    "PricingCategory",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_ModelKey",
    "x_ModelVersion",
    "x_CpuSeconds",
    "x_GpuSeconds",
    "x_MemoryGibSeconds",
)
COLUMNS = (*MANDATORY, *FURTHER)


def focus_csv(month: date) -> Iterator[bytes]:
    """A month's entries as a CSV file, head first, one part a row."""
    yield _line(COLUMNS)
    for entry in CostEntry.objects.filter(within(month)).order_by("entered_at", "pk").iterator():
        row = focus_row(entry, month)
        yield _line([row[name] for name in COLUMNS])


def _line(cells: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow([safe_text("" if cell is None else str(cell)) for cell in cells])
    return out.getvalue().encode()


def focus_row(entry: CostEntry, month: date) -> dict[str, Any]:
    """One entry by column; a charge lies in the hour in which it was entered."""
    hour = entry.entered_at.replace(minute=0, second=0, microsecond=0)
    amount = f"{entry.amount:f}"
    return {
        "BilledCost": amount,
        "BillingAccountId": "countersign",
        "BillingAccountName": PROVIDER,
        "BillingCurrency": entry.currency,
        "BillingPeriodEnd": _time(begin(next_month(month))),
        "BillingPeriodStart": _time(begin(month)),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": f"Attempt {entry.fence} at {_what(entry)}, {entry.outcome}",
        "ChargePeriodEnd": _time(hour + timedelta(hours=1)),
        "ChargePeriodStart": _time(hour),
        "ContractedCost": amount,
        "EffectiveCost": amount,
        "InvoiceIssuerName": PROVIDER,
        "ListCost": amount,
        "PricingQuantity": "1",
        "PricingUnit": "Attempts",
        "ProviderName": PROVIDER,
        "PublisherName": PROVIDER,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Model governance",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": f"{entry.wall_seconds:f}",
        "ConsumedUnit": "Seconds",
        "PricingCategory": "Standard",
        "ResourceId": _which(entry),
        "ResourceName": f"{entry.model_key}@{entry.version}" if entry.version else entry.model_key,
        "ResourceType": f"{'Partition' if entry.partition else 'Gate run'} on {entry.hardware}",
        "SubAccountId": entry.unit_key,
        "SubAccountName": entry.unit_key,
        "Tags": _tags(entry),
        "x_ModelKey": entry.model_key,
        "x_ModelVersion": entry.version,
        "x_CpuSeconds": f"{entry.cpu_seconds:f}",
        "x_GpuSeconds": f"{entry.gpu_seconds:f}",
        "x_MemoryGibSeconds": f"{entry.gib_seconds:f}",
    }


def _what(entry: CostEntry) -> str:
    return "a partition of a run of gates" if entry.partition else "a run of gates"


def _which(entry: CostEntry) -> str:
    named = (entry.run, entry.partition, entry.fence)
    return "/".join(str(name) for name in named if name is not None)


def _tags(entry: CostEntry) -> str:
    tags = {
        "model": entry.model_key,
        "version": entry.version,
        "tier": entry.tier,
        "purpose": entry.purpose,
        "outcome": entry.outcome,
        "unit": entry.unit_key,
    }
    return json.dumps({name: value for name, value in tags.items() if value}, sort_keys=True)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
