"""Evidence of a version that was measured elsewhere: self-reported, and never what a gate rests on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.access.text import clean, required
from apps.audit.errors import Invalid
from apps.audit.models import Statement
from apps.audit.past import clock
from apps.audit.trail import contents
from apps.engine.statement import DIGEST
from apps.inventory.models import ModelVersion

REPORTED = "https://countersign.dev/reported-evidence/v1"
MOST_RESULTS = 200
MOST_DATA = 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/@%()-]{0,119}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One report, as it was sealed; `known` names the data sets of the version that it was measured on."""

    digest: str
    said: Mapping[str, Any]
    known: Mapping[str, str]


def reported_of(version: ModelVersion) -> list[Reported]:
    """What was reported of a version, the newest first; only what is signed is shown."""
    rows = Statement.objects.filter(
        predicate_type=REPORTED, subjects=[version.digest], signed_at__lte=clock()
    )
    keys = list(rows.order_by("-signed_at").values_list("digest", flat=True)[:100])
    found = contents(keys)
    sets = {one.digest: one.name for one in version.datasets.all()}
    return [
        Reported(digest=key, said=found[key]["predicate"], known=sets)
        for key in keys
        if key in found and found[key]["predicate"].get("version") == version.digest
    ]


def known_run(version: ModelVersion, system: str, run: str) -> Statement | None:
    """What was reported of this run before."""
    for one in reported_of(version):
        if (one.said["system"], one.said["run"]) == (system, run):
            return Statement.objects.get(pk=one.digest)
    return None


def as_reported(given: Mapping[str, Any]) -> dict[str, Any]:
    """The report, each field checked; Invalid names the field."""
    return {
        "system": required(given["system"], field="system", longest=80),
        "run": required(given["run"], field="run", longest=200),
        "image": digest_of(given["image"], "image"),
        "data": _data(given["data"]),
        "results": _results(given["results"]),
        "note": clean(given.get("note", ""), field="note", longest=2000, lines=True),
    }


def digest_of(text: object, field: str) -> str:
    """A digest as it stands everywhere, or Invalid."""
    told = text if isinstance(text, str) else ""
    found = told if ":" in told else f"sha256:{told}"
    if not DIGEST.fullmatch(found):
        raise Invalid(f"“{str(text)[:80]}” is no SHA-256 digest.", field=field)
    return found


def _data(given: object) -> dict[str, str]:
    """By its name, the digest of each data set that was read; without one nothing can be compared."""
    if not isinstance(given, Mapping) or not 1 <= len(given) <= MOST_DATA:
        raise Invalid(f"Name 1 to {MOST_DATA} data sets with their digests.", field="data")
    return {_name(name, "data"): digest_of(value, "data") for name, value in sorted(given.items())}


def _results(given: object) -> dict[str, str]:
    """By its name, each number, written as it is."""
    if not isinstance(given, Mapping) or not 1 <= len(given) <= MOST_RESULTS:
        raise Invalid(f"Tell 1 to {MOST_RESULTS} results, each a name and a number.", field="results")
    return {_name(name, "results"): _number(name, value) for name, value in sorted(given.items())}


def _number(name: str, value: object) -> str:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not abs(value) < 1e300 or math.isnan(value):  # type: ignore[arg-type]
        raise Invalid(f"“{name[:80]}” is no finite number: {str(value)[:40]}.", field="results")
    return repr(value)


def _name(text: str, field: str) -> str:
    if not _NAME.fullmatch(text):
        raise Invalid(f"“{text[:80]}” is no name: letters, digits and . _ : / @ % ( ) -.", field=field)
    return text
