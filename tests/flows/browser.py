"""A person at a browser: cookies, forms with their hidden fields, nothing that is not on the page."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Page:
    """What came back."""

    status: int
    address: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class _Forms(HTMLParser):
    """The forms of a page: where each posts to, and the values that stand in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("action", ""), {}))
        elif tag == "input" and self.found and given.get("type") not in ("radio", "checkbox", "submit"):
            self.found[-1][1][given.get("name", "")] = given.get("value", "")


class Browser:
    """One session."""

    def __init__(self, address: str) -> None:
        self._base = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def open(self, path: str) -> Page:
        return self._send(path, None)

    def submit(self, path: str, action: str, **values: str) -> Page:
        """Open a page, fill in the form that posts to `action`, and send it."""
        page = self.open(path)
        forms = [fields for where, fields in _Forms(page.text).found if (where or path) == action]
        assert forms, f"{path} ({page.status}) has no form for {action}"
        return self._send(action, {**forms[0], **values})

    def post(self, path: str, **values: str) -> Page:
        """Send a form that was on no page."""
        return self._send(path, values)

    def sign_in(self, username: str, password: str) -> Page:
        return self.submit("/sign-in", "/sign-in", username=username, password=password)

    def _send(self, path: str, values: dict[str, str] | None) -> Page:
        data = None if values is None else urlencode(values).encode()
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            self._base + path, data=data, headers={"Referer": self._base + path}
        )
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Page(answer.status, answer.url, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.code, error.url, error.read())
