"""The table of roles: what it grants, and what it keeps apart."""

from __future__ import annotations

from itertools import product

import pytest

from apps.access.states import APPROVES, BUILDS, PERSONAL, ROLES, Permission, roles_with


@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_no_role_both_builds_and_approves(role):
    assert not (role.permissions & BUILDS and role.permissions & APPROVES)


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_held_by_some_role(permission):
    assert roles_with(permission)


def test_the_administrator_sees_no_evidence_and_approves_nothing():
    held = ROLES["administrator"].permissions
    assert not held & (APPROVES | {Permission.EVIDENCE_SEE, Permission.MODEL_SEE})


def test_no_service_account_role_does_what_only_people_do():
    assert not ROLES["pipeline"].permissions & PERSONAL


def test_building_and_approving_are_disjoint():
    assert all(one != other for one, other in product(BUILDS, APPROVES))
