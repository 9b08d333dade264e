"""Connecting something: each kind says what is done on both sides, with the values that are copied."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.deploys.integrations.kinds import KINDS
from apps.deploys.integrations.steps import steps_of
from tests.integrations.site import made
from tests.integrations.test_pages import PLACE, signed_in
from tests.standing import Standing


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_says_what_is_to_be_done(kind: str) -> None:
    steps = steps_of(kind, address="https://us/hooks/x", base="https://us/", settings={})
    assert steps
    assert not any("{address}" in step.value or "{base}" in step.value for step in steps)
    if KINDS[kind].hook:
        assert any("https://us/hooks/x" in step.value for step in steps)


def test_values_are_those_that_were_set() -> None:
    steps = steps_of("databricks", address="a", base="b", settings={"task": "sign_off"})
    assert "sign_off" in [step.value for step in steps]


def test_the_steps_stand_on_the_pages(world: Standing) -> None:
    admin = signed_in(world.people["administrator"])
    every = admin.get(f"{PLACE}/new").content.decode()
    assert all(kind.title in every for kind in KINDS.values())
    assert "X-Countersign-Key" in admin.get(f"{PLACE}/new?kind=sagemaker").content.decode()
    assert admin.get(f"{PLACE}/new?kind=pigeon").status_code == 422

    site = made("jenkins", hosts="ci.example")
    shown = admin.get(f"{PLACE}/{site.row.pk}").content.decode()
    assert site.address in shown
    assert "Nothing was heard from there yet." in shown


def test_nobody_else_sees_them(world: Standing) -> None:
    assert signed_in(world.people["auditor"]).get(f"{PLACE}/new").status_code == 403
    assert Client().get(f"{PLACE}/new").status_code == 302
