"""What events tell, done by the command that takes it: what runs, what feeds what, what monitoring found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.access.text import clean, required
from apps.approvals.commands import open_observed_finding
from apps.approvals.states import Severity
from apps.audit.errors import Invalid
from apps.deploys.commands.running import report_deployment
from apps.deploys.integrations import cloudevents, heard
from apps.deploys.integrations.heard import Reported
from apps.deploys.integrations.openlineage import read_event
from apps.inventory.commands import take_lineage
from apps.inventory.queries import find_version

_DEPLOYED = {"environment": 80, "slot": 253, "digest": 71, "model": 200, "version": 120, "source": 20}
_MONITORED = frozenset({"model", "version", "breached", "title", "detail", "severity"})


def act_on(*, by: Person, reported: Reported, body: str) -> None:
    """Do what an event asks for, as the account of its integration; `body` is the digest of its bytes."""
    _ACTS[reported.does](by, reported, body)


def _lineage(by: Person, reported: Reported, body: str) -> None:
    told = read_event(reported.data)
    take_lineage(
        by=by,
        source=f"cloudevents {reported.source}"[:200],
        key=reported.key,
        digest=body,
        lines=told.lines,
        about=told.about,
        happened_at=told.happened_at,
    )


def _deployment(by: Person, reported: Reported, body: str) -> None:
    data = reported.data
    _known(data, {*_DEPLOYED, "since"})
    said = {name: _text(data, name, longest) for name, longest in _DEPLOYED.items() if name in data}
    heard.needed(environment=said.get("environment", ""), slot=said.get("slot", ""))
    report_deployment(by=by, since=_since(data), **said)


def _monitoring(by: Person, reported: Reported, body: str) -> None:
    """A result that breaches opens a finding of that version; one that does not is only noted."""
    data = reported.data
    _known(data, _MONITORED)
    version = find_version(by, _text(data, "model", 200), _text(data, "version", 120))
    require(by, Permission.ADMISSION_ASK, version.model)
    if not isinstance(data.get("breached"), bool):
        raise Invalid("“breached” must be true or false.", field="breached")
    severity = _text(data, "severity", 20) if "severity" in data else Severity.HIGH
    title = required(_text(data, "title", 250), field="title", longest=250)
    if data["breached"]:
        open_observed_finding(
            by=by,
            model=version.model,
            version=version,
            title=f"Monitoring: {title}",
            severity=severity,
            detail=clean(_text(data, "detail", 2000) if "detail" in data else "", field="detail", lines=True),
        )


def _known(data: Mapping[str, Any], names: set[str] | frozenset[str]) -> None:
    if extra := sorted(set(data) - names):
        raise Invalid(
            f"“{extra[0][:80]}” is no field of “data”; the fields are {', '.join(sorted(names))}.",
            field=extra[0][:80],
        )


def _text(data: Mapping[str, Any], name: str, longest: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"“{name}” must be text of at most {longest} characters.", field=name)
    return clean(value, field=name, longest=longest, lines=name == "detail")


def _since(data: Mapping[str, Any]) -> datetime | None:
    if "since" not in data:
        return None
    try:
        moment = datetime.fromisoformat(_text(data, "since", 64))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid("“since” is no time with zone such as 2026-11-21T06:30:00Z.", field="since")
    return moment


_ACTS: Mapping[str, Callable[[Person, Reported, str], None]] = {
    cloudevents.LINEAGE: _lineage,
    cloudevents.DEPLOYMENT: _deployment,
    cloudevents.MONITORING: _monitoring,
}
