"""Each kind of declaration: what is there already, and the command that makes what is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.access import commands as access
from apps.access.guards import known_role, told_scope
from apps.access.models import Person, RoleGrant
from apps.access.queries import find_person, standing_grants
from apps.access.states import Permission, Scoped
from apps.audit.errors import Invalid, NotFound, Refused
from apps.costs import commands as costs
from apps.costs.queries import currency, rate_of
from apps.costs.states import Hardware
from apps.deploys import commands as deploys
from apps.deploys.queries import environments
from apps.engine.errors import BadInput
from apps.engine.policy import Library, Policy, read_policy
from apps.engine.strict_yaml import Document
from apps.gates import commands as gates
from apps.gates import queries as policies
from apps.gates.clock import database_now
from apps.gates.guards import unchanged
from apps.gates.impacts import released_library
from apps.gates.queries import schedules_of
from apps.inventory import commands as inventory
from apps.inventory import scorecards
from apps.inventory.models import BusinessUnit, ModelVersion
from apps.inventory.queries import find_use

NONE, CREATE, CHANGE = "none", "create", "change"
Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to be done, in words, with who may do it; `act` does it."""

    action: str
    words: str
    permission: Permission
    subject: Scoped | None = None
    act: Callable[[Person], object]


@dataclass(frozen=True, slots=True)
class File:
    """A file as read; `folder` is where a policy's cases lie, `beside` are the policies given with it."""

    name: str
    data: bytes
    document: Document
    kind: str
    folder: Path
    beside: Mapping[str, bytes] = field(default_factory=dict)


def _unit(value: Value) -> Step:
    key, title = value["key"], value["title"]
    row = BusinessUnit.objects.filter(key=key).first()
    if row is not None and row.title != title:
        raise Refused(f'The unit {key} is there already, as "{row.title}".')
    return Step(
        action=NONE if row else CREATE,
        words=f'the unit {key}, "{title}"',
        permission=Permission.PERSON_MANAGE,
        act=lambda by: inventory.declare_unit(by=by, key=key, title=title),
    )


def _environment(value: Value) -> Step:
    key, title = value["key"], value["title"]
    row = next((place for place in environments() if place.key == key), None)
    if row is not None and row.title != title:
        raise Refused(f'The environment {key} is there already, as "{row.title}".')
    return Step(
        action=NONE if row else CREATE,
        words=f'the environment {key}, "{title}"',
        permission=Permission.ENVIRONMENT_DECLARE,
        act=lambda by: deploys.declare_environment(by=by, key=key, title=title),
    )


# Roles ---------------------------------------------------------------------------------------------


def _role(value: Value) -> Step:
    person, role = find_person(value["person"]), known_role(value["role"])
    scope, key, reason = value.get("scope", "organisation"), value.get("key", ""), value["reason"]
    until = _moment(value["until"]) if "until" in value else None
    held = list(standing_grants().filter(person=person, role=role.key, scope=scope, scope_key=key))
    words = f"{person.username} is {role.title} for {told_scope(scope, key)}"
    if value.get("state") == "ended":
        return _ended(held, words, reason)
    words += f" until {value['until']}" if until else ""
    rest = [grant for grant in held if grant.valid_to != until]

    def act(by: Person) -> None:
        for grant in rest:
            access.end_grant(by=by, grant=grant, reason=reason)
        access.grant_role(
            by=by, person=person, role=role.key, scope=scope, scope_key=key, valid_to=until, reason=reason
        )

    action = (CHANGE if held else CREATE) if rest or not held else NONE
    return Step(action=action, words=words, permission=Permission.ROLE_GRANT, act=act)


def _ended(held: list[RoleGrant], words: str, reason: str) -> Step:
    def act(by: Person) -> None:
        for grant in held:
            access.end_grant(by=by, grant=grant, reason=reason)

    action, told = CHANGE if held else NONE, words.replace(" is ", " is no longer ", 1)
    return Step(action=action, words=told, permission=Permission.ROLE_GRANT, act=act)


def _moment(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), UTC)


# Schedules and rates -------------------------------------------------------------------------------


def _schedule(value: Value) -> Step:
    version = _version(value["version"])
    use, dataset, days = find_use(version.model, value["use"]), value["dataset"], value["every_days"]
    held = next((s for s in schedules_of(version) if (s.use_id, s.dataset) == (use.pk, dataset)), None)
    words = f"{version} is measured on {dataset} for {use.key} every {days} days"
    reason = value.get("reason") or "The declaration says so."
    ends = value.get("state") == "ended"

    def act(by: Person) -> None:
        if held is not None:
            gates.end_schedule(by=by, schedule=held, reason=reason)
        if not ends:
            gates.set_schedule(by=by, version=version, use=use, dataset=dataset, every_days=days)

    same = held is None if ends else held is not None and held.every_days == days
    action = NONE if same else CHANGE if held else CREATE
    words = words.replace(" is measured", " is no longer measured", 1) if ends else words
    return Step(action=action, words=words, permission=Permission.RUN_REQUEST, subject=version.model, act=act)


def _version(name: str) -> ModelVersion:
    key, _, label = name.partition("@")
    found = ModelVersion.objects.filter(model__key=key, label=label).select_related("model__unit").first()
    if found is None:
        raise NotFound(f"There is no version {name}.")
    return found


def _rate(value: Value) -> Step:
    hardware, price = value["hardware"], Decimal(value["per_second"])
    if hardware not in list(Hardware):
        raise Invalid(f'"{hardware}" is no hardware class; it is {", ".join(Hardware)}.')
    now = rate_of(hardware, database_now())
    return Step(
        action=NONE if now == price else CHANGE,
        words=f"a second of {hardware} costs {price:f} {currency()}, not {now.normalize():f}"
        if now != price
        else f"a second of {hardware} costs {price:f} {currency()}",
        permission=Permission.RATE_SET,
        act=lambda by: costs.set_rate(by=by, hardware=hardware, per_second=price),
    )


# Whole files ---------------------------------------------------------------------------------------


def _policy(file: File) -> Step:
    """A policy is offered for release; a second person releases it, on a page, with the password."""
    policy, waits_for = _readable(file)
    name = f"{policy.id}@{policy.version}"
    row = policies.released_policies().filter(policy=policy.id, version=policy.version).first()
    offered = [
        bytes(p.text) for p in policies.open_proposals().filter(policy=policy.id, version=policy.version)
    ]
    if waits_for:
        words = f"the policy {name} is offered once {waits_for} is released"
    elif row is not None:
        words = f"the policy {unchanged(row, file.data)} is released"
    else:
        waits = "waits for" if file.data in offered else "is offered for release by"
        words = f"the policy {name} {waits} a second person"
    cases = {path.name: path.read_bytes() for path in sorted(file.folder.glob("cases/*.yaml"))}
    note = str(file.document.value["metadata"].get("change_note") or "")
    return Step(
        action=NONE if row or waits_for or file.data in offered else CREATE,
        words=words,
        permission=Permission.POLICY_PROPOSE,
        act=lambda by: gates.propose_policy(by=by, data=file.data, cases=cases, note=note, name=file.name),
    )


def _readable(file: File) -> tuple[Policy, str]:
    """The policy, and those it extends that are given with it and not released yet."""
    released = released_library()
    try:
        return read_policy(file.data, name=file.name, library=released), ""
    except BadInput:
        found = read_policy(file.data, name=file.name, library=Library(file.beside, behind=released))
        pins = [str(pin) for pin in file.document.value.get("extends") or ()]
        return found, " and ".join(pins)


def _scorecard(file: File) -> Step:
    card = scorecards.readable(file.data, name=file.name)
    waits = any(bytes(p.text) == file.data for p in scorecards.open_proposals())
    same = card.digest == scorecards.scorecard().digest
    state = "judges" if same else "waits for a second person" if waits else "is offered for release"
    return Step(
        action=NONE if same or waits else CREATE,
        words=f"the scorecard {card.id}@{card.version} {state}",
        permission=Permission.POLICY_PROPOSE,
        act=lambda by: inventory.propose_scorecard(by=by, data=file.data),
    )


SECTIONS: Mapping[str, Callable[[Value], Step]] = {
    "units": _unit,
    "environments": _environment,
    "roles": _role,
    "schedules": _schedule,
    "rates": _rate,
}
WHOLE: Mapping[str, Callable[[File], Step]] = {"Policy": _policy, "Scorecard": _scorecard}
