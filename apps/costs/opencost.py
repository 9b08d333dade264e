"""Allocations of a Kubernetes cluster as OpenCost answers them, aggregated by the label of the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

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

# What stands for the share of the cluster that no label claims.
NOBODY = ("__idle__", "__unallocated__", "__unmounted__")


def read_allocations(data: bytes, currency: str) -> Iterator[Read]:
    """The allocations of an answer of ``/allocation/compute?aggregate=label:model``.

    OpenCost names no currency: whoever brings the answer in says in which its prices are.
    """
    try:
        code = currency_code(currency, "currency")
    except RowRefused as refused:
        raise BillRefused(str(refused)) from None
    number = 0
    for window in _windows(data):
        for name, allocation in window.items():
            number += 1
            if number > MOST_ROWS:
                raise BillRefused(f"The answer has more than {MOST_ROWS:,} allocations.")
            try:
                yield _charge(number, name, allocation, code)
            except RowRefused as refused:
                yield Refusal(number, str(refused))


def _windows(data: bytes) -> list[Mapping[str, Any]]:
    if len(data) > LARGEST:
        raise BillRefused(f"The file has {len(data):,} bytes; {LARGEST:,} are read at once.")
    try:
        found = json.loads(data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise BillRefused(f"The file is no JSON: {str(error)[:100]}.") from None
    windows = found.get("data") if isinstance(found, dict) else None
    if not isinstance(windows, list) or not all(isinstance(w, dict) or w is None for w in windows):
        raise BillRefused('The file is no answer of OpenCost: a list "data" of allocations was expected.')
    return [window for window in windows if window]


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _charge(number: int, name: str, allocation: Any, currency: str) -> Charge:
    if not isinstance(allocation, dict):
        raise RowRefused(f"The allocation {shown(name)} is no object.")
    window = allocation.get("window") or {}
    start = moment(window.get("start") or allocation.get("start"), "window.start")
    end = moment(window.get("end") or allocation.get("end"), "window.end")
    if end <= start:
        raise RowRefused(f"window.end is {shown(end.isoformat())}; it must lie after the start.")
    total = decimal(allocation.get("totalCost"), "totalCost")
    properties = allocation.get("properties") or {}
    cluster = properties.get("cluster") if isinstance(properties, dict) else ""
    return Charge(
        number=number,
        source=Source.OPENCOST,
        tag=_tag(name, properties),
        provider=plain(cluster or "Kubernetes", "properties.cluster", 200),
        service="Kubernetes",
        category="Usage",
        description="",
        resource=plain(name, "name", 500),
        period_start=start,
        period_end=end,
        billed=total,
        amount=total,
        currency=currency,
    )


def _tag(name: str, properties: Any) -> str:
    """The value of the label: the name of the aggregate, or the label where it was not aggregated by it."""
    labels = properties.get("labels") if isinstance(properties, dict) else None
    if isinstance(labels, dict) and isinstance(labels.get("model"), str):
        return plain(labels["model"], "labels.model", 200)
    if name in NOBODY:
        return ""
    return plain(name.removeprefix("model="), "name", 200)
