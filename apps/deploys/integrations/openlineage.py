"""Run events of OpenLineage 2 as edges between what feeds and what is fed.

An input is read by the run, the job starts it, and what it wrote is known once it is complete. A data set
in the namespace ``countersign`` is a version of a model of the inventory: its name is the model's key, its
version the label. Everything else that an event says is kept as it was told, and believed for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.audit.errors import Invalid
from apps.deploys.integrations import heard
from apps.inventory.lineage import Line, Thing, line, thing

MODELS = "countersign"
STATES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
MOST = 200  # data sets on either side of one event
LONGEST = 32 * 1024
_SCHEMA = re.compile(
    r"https://openlineage\.io/spec/[12]-[0-9]{1,3}-[0-9]{1,3}/OpenLineage\.json"
    r"(#/(\$defs|definitions)/(RunEvent|JobEvent|DatasetEvent))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an event tells: its edges, when it happened, and the rest of it in short."""

    lines: tuple[Line, ...]
    happened_at: datetime
    about: dict[str, Any]


def read_event(found: Mapping[str, Any]) -> Told:
    """An event; Invalid names the field that cannot be what OpenLineage says it is."""
    if not _SCHEMA.fullmatch(heard.text(found, "schemaURL", longest=300)):
        raise Invalid("“schemaURL” names no event of OpenLineage 1 or 2.", field="schemaURL")
    state = _state(found)
    job, run = _job(found), _run(found)
    inputs, outputs = _datasets(found, "inputs"), _datasets(found, "outputs")
    told = _lines(job, run, inputs, outputs, done=state in ("COMPLETE", ""))
    return Told(
        lines=tuple(dict.fromkeys(told)),
        happened_at=_moment(found),
        about=_about(found, state, job, run),
    )


def _state(found: Mapping[str, Any]) -> str:
    """The state of the run; empty for an event of a job or a data set, which has none."""
    if "run" not in found:
        return ""
    state = heard.text(found, "eventType") or "OTHER"
    if state not in STATES:
        raise Invalid(f"“eventType” is one of {', '.join(STATES)}, not “{state[:40]}”.", field="eventType")
    return state


def _lines(
    job: Thing | None, run: Thing | None, inputs: list[Thing], outputs: list[Thing], *, done: bool
) -> Iterator[Line]:
    work = run or job
    if work is None:
        return
    if run is not None and job is not None:
        yield line("starts", job, run)
    for one in inputs:
        yield line("read_by", one, work)
    if done:
        for one in outputs:
            yield line("writes", work, one)


def _job(found: Mapping[str, Any]) -> Thing | None:
    if "job" not in found:
        return None
    return _thing(found["job"], "job", kind="job", field="job")


def _run(found: Mapping[str, Any]) -> Thing | None:
    if "run" not in found:
        return None
    key = heard.text(found, "run", "runId")
    heard.needed(**{"run.runId": key})
    if "job" not in found:
        raise Invalid("The event names a run without its job.", field="job")
    return thing("run", key, namespace=heard.text(found, "job", "namespace"))


def _datasets(found: Mapping[str, Any], side: str) -> list[Thing]:
    rows = found.get(side) or []
    if not isinstance(rows, list) or len(rows) > MOST:
        raise Invalid(f"“{side}” is no list of at most {MOST} data sets.", field=side)
    return [_dataset(row, side) for row in rows]


def _dataset(row: Any, side: str) -> Thing:
    label = heard.text(row, "facets", "version", "datasetVersion", longest=120)
    kind = "model_version" if heard.text(row, "namespace") == MODELS else "dataset"
    return _thing(row, side, kind=kind, field=side, label=label)


def _thing(row: Any, what: str, *, kind: str, field: str, label: str = "") -> Thing:
    namespace, name = heard.text(row, "namespace"), heard.text(row, "name", longest=300)
    heard.needed(**{f"{field}.namespace": namespace, f"{field}.name": name})
    if kind == "model_version":
        heard.needed(**{f"{field}.facets.version.datasetVersion": label})
        return thing(kind, name, label=label)
    return thing(kind, name, namespace=namespace, label=label)


def _moment(found: Mapping[str, Any]) -> datetime:
    text = heard.text(found, "eventTime", longest=64)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid("“eventTime” is no time with zone such as 2026-11-21T06:30:00Z.", field="eventTime")
    return moment


# The rest, in short ---------------------------------------------------------------------------------------


def _about(found: Mapping[str, Any], state: str, job: Thing | None, run: Thing | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "state": state,
        "producer": heard.text(found, "producer", longest=300),
        "job": f"{job.namespace}/{job.name}" if job else "",
        "run": run.name if run else "",
        "parent": heard.text(found, "run", "facets", "parent", "run", "runId"),
        "tests": _tests(heard.at(found, "run", "facets", "test", "tests")),
        "data": [one for side in ("inputs", "outputs") for one in _counted(found.get(side) or [])],
    }
    kept = {name: value for name, value in said.items() if value}
    if len(json.dumps(kept, ensure_ascii=False)) <= LONGEST:
        return kept
    return {**kept, "tests": [], "data": [], "shortened": True}


def _tests(rows: Any) -> list[dict[str, str]]:
    """What the sender says that it tested: its own word."""
    names = ("name", "status", "severity", "expected", "actual")
    found = [row for row in rows[:MOST] if isinstance(row, dict)] if isinstance(rows, list) else []
    told = [{name: heard.text(row, name) for name in names} for row in found]
    return [{name: value for name, value in one.items() if value} for one in told]


def _counted(rows: list[Any]) -> Iterator[dict[str, Any]]:
    """Of each data set what is told of its version, its size and its columns."""
    for row in rows:
        counts = heard.at(row, "inputFacets", "dataQualityMetrics") or heard.at(
            row, "outputFacets", "outputStatistics"
        )
        fields = heard.at(row, "facets", "schema", "fields")
        told = {
            "name": f"{heard.text(row, 'namespace')}/{heard.text(row, 'name', longest=300)}",
            "version": heard.text(row, "facets", "version", "datasetVersion"),
            "rows": heard.number(counts, "rowCount"),
            "columns": len(fields) if isinstance(fields, list) else 0,
        }
        yield {name: value for name, value in told.items() if value}
