"""The catalogue of checks, for people who write or read a policy."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.audit.errors import NotFound
from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import REQUIRED, Arg, Check
from apps.web.pages import page
from apps.web.policy_editor.fields import written_plain

if TYPE_CHECKING:
    from apps.access.models import Person

_BETTER = {"higher": "higher is better", "lower": "lower is better", "nearest": "the nearest is best"}
_WORDS = (
    ("Definition", "definition"),
    ("Conventions", "conventions"),
    ("Edge cases", "edge_cases"),
    ("Interval", "interval"),
    ("Purpose", "purpose"),
    ("How it works", "mechanism"),
    ("Signs of high risk", "signs_of_high_risk"),
    ("Strengths", "strengths"),
    ("Limitations", "limitations"),
    ("Cost", "cost"),
)


@page()
def check_list(request: HttpRequest, *, by: Person) -> HttpResponse:
    """Every check by family."""
    families = [
        (name.capitalize(), list(held))
        for name, held in groupby(all_checks().values(), key=lambda check: check.family)
    ]
    return render(request, "checks/list.html", {"title": "Checks", "families": families})


@page()
def check_page(request: HttpRequest, check: str, *, by: Person) -> HttpResponse:
    """One check: what it measures, what it takes, where it is weak."""
    found = all_checks().get(check)
    if found is None:
        raise NotFound("There is no such check in the catalogue.")
    context = {
        "title": found.title,
        "check": found,
        "better": _BETTER.get(found.direction, "neither high nor low is better"),
        "words": _words(found),
        "arguments": [(arg, _default(arg)) for arg in found.args],
    }
    return render(request, "checks/record.html", context)


def _words(check: Check) -> list[tuple[str, str]]:
    return [(title, getattr(check, name)) for title, name in _WORDS if getattr(check, name)]


def _default(arg: Arg) -> str:
    if arg.default is REQUIRED:
        return "needed"
    return "none" if arg.default in (None, ()) else written_plain(arg.default)
