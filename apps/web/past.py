"""Pages as of a second: the same page with a banner, without anything that could be done on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from apps.audit.errors import Invalid
from apps.audit.past import moment, reading

_NOUNS = (
    "models|reviews|findings|waivers|decisions|admissions|policies|coverage|events|deployments|experiments|"
    "lineage|challenges"
)
_ADDRESS = re.compile(rf"/(?:{_NOUNS})(?:/|$)")
_TODAY_ONLY = re.compile(r"/(?:propose|proposals|new|edit|draft|tier)(?:/|$)")
_FORM = re.compile(r'<form\b(?=[^>]*\bmethod="post")[^>]*>.*?</form>', re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r'(<a\b[^>]*?\bhref=")(/[^"#?]*)(\?[^"#]*)?(#[^"]*)?"')
_SEARCH = re.compile(r'(<form\b(?=[^>]*\bmethod="get")[^>]*>)', re.IGNORECASE)
# The way back to today, and the frame of the page.
_KEEPS = re.compile(r"(<!-- today -->.*?<!-- /today -->)", re.DOTALL)


def has_past(address: str) -> bool:
    """Whether a page can be looked at as of a time."""
    return bool(_ADDRESS.match(address)) and not _TODAY_ONLY.search(address)


def answered(request: HttpRequest, run: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The page of today, or that of the second which the address names."""
    told = request.GET.get("at", "")
    if not told:
        return run()
    if request.method != "GET" or not has_past(request.path):
        raise Invalid("This page shows today only.", field="at")
    with reading(moment(told)):
        response = run()
    kind = response.headers.get("Content-Type", "")
    if isinstance(response, HttpResponse) and kind.startswith("text/html"):
        response.content = still(response.content.decode(), told).encode()
    return response


def still(page: str, at: str) -> str:
    """A page without forms that change something, whose links stay in its time."""
    parts = _KEEPS.split(page)
    return "".join(part if part.startswith("<!-- today -->") else _still(part, at) for part in parts)


def _still(part: str, at: str) -> str:
    kept = _FORM.sub("", part)
    hidden = f'<input type="hidden" name="at" value="{quote(at, safe=":+")}">'
    return _LINK.sub(lambda found: _linked(found, at), _SEARCH.sub(rf"\1{hidden}", kept))


def _linked(found: re.Match[str], at: str) -> str:
    start, path, query, place = found.group(1), found.group(2), found.group(3) or "", found.group(4) or ""
    if has_past(path) and "at=" not in query:
        query = f"{query}{'&amp;' if query else '?'}at={quote(at, safe=':')}"
    return f'{start}{path}{query}{place}"'
