"""Law 3: every event is told by a command and looked for by a test; every permission is needed and held."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from apps.access.states import APPROVES, BUILDS, PERSONAL, ROLES, Permission
from apps.audit.events import EventName
from tests.laws.source import PROJECT, modules

# Rooms that later parts build: their names are kept so that no other use is made of them.
LATER_EVENTS: set[str] = set()
LATER_PERMISSIONS: set[Permission] = set()


@cache
def members(name: str) -> set[str]:
    """Every member of an enum that the apps and the wiring name."""
    trees = [m.tree for m in modules()]
    trees += [ast.parse(p.read_text()) for p in sorted((PROJECT / "governance").rglob("*.py"))]
    return {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }


@cache
def looked_for() -> set[str]:
    """Every event that some test names, by its value or its member."""
    here = Path(__file__)
    texts = [p.read_text() for p in sorted((PROJECT / "tests").rglob("*.py")) if p != here]
    text = "\n".join(texts)
    return {e for e in EventName if f'"{e}"' in text or f"EventName.{e.name}" in text}


@pytest.mark.parametrize("event", EventName, ids=str)
def test_an_event_is_a_noun_and_a_verb_and_some_code_tells_of_it(event: EventName) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event)
    assert (event.name in members("EventName")) != (event.name in LATER_EVENTS)


@pytest.mark.parametrize(
    "event", [e for e in EventName if e.name not in {*LATER_EVENTS, "DEMO_PLAYED"}], ids=str
)
def test_some_test_looks_for_an_event(event: EventName) -> None:
    assert event in looked_for()


def test_no_event_name_stands_twice() -> None:
    source = (PROJECT / "apps" / "audit" / "events.py").read_text()
    values = re.findall(r'= "([a-z_.]+)"', source)
    assert len(values) == len(set(values)) == len(EventName)


@pytest.mark.parametrize("permission", Permission, ids=str)
def test_a_permission_is_required_somewhere_and_held_by_a_role(permission: Permission) -> None:
    required = members("Permission") | step_permissions()
    assert (permission.name in required) != (permission in LATER_PERMISSIONS)
    assert any(permission in role.permissions for role in ROLES.values())


def step_permissions() -> set[str]:
    from apps.approvals.steps import ROLE_PERMISSION

    return {p.name for p in ROLE_PERMISSION.values()}


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.key)
def test_no_role_both_builds_and_approves(role) -> None:
    assert not (role.permissions & BUILDS and role.permissions & APPROVES)


def test_administrators_and_service_accounts_approve_nothing() -> None:
    assert not ROLES["administrator"].permissions & (APPROVES | BUILDS)
    assert not ROLES["pipeline"].permissions & PERSONAL
