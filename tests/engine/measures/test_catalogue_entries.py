"""Every entry of these families: a function whose keywords are exactly its needs and arguments."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import REQUIRED
from apps.engine.measure import function_of

FAMILIES = ("performance", "calibration", "fairness", "stability", "data")
CHECKS = [check for check in all_checks().values() if check.family in FAMILIES]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_keywords_and_defaults_are_those_of_the_catalogue(check):
    parameters = inspect.signature(function_of(check)).parameters
    needs = {need.removesuffix("?") for need in check.needs}
    assert set(parameters) == needs | {arg.name for arg in check.args}
    for arg in check.args:
        if arg.default is REQUIRED:
            continue
        default = parameters[arg.name].default
        assert list(default) == list(arg.default) if isinstance(default, tuple) else default == arg.default


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_text_is_empty(check):
    assert all(getattr(check, field.name) for field in fields(check) if field.type == "str")
    assert check.references
    assert "{value}" in check.sentence
