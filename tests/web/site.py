"""The pages on a real port, over a copy of the standing bank, and a real browser that looks at them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from pytest_django import DjangoDbBlocker

from tests import database
from tests.factories import PASSWORD
from tests.flows.fixtures import BankDatabase, connected_to, state_in
from tests.standing import Standing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadedWSGIServer):
    """Each request's connection to the database ends with it."""

    def process_request_thread(self, *args: Any) -> None:
        super().process_request_thread(*args)
        connections.close_all()


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are, and what stands in the bank."""

    url: str
    bank: Standing


@contextmanager
def serving() -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Quiet)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(standing_bank: tuple[BankDatabase, Standing], django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """A copy of the bank of this test alone, served."""
    place, built = standing_bank
    name = f"{place.name}_site"
    with django_db_blocker.unblock():
        database.drop(name)
        database.clone(place.name, name)
        try:
            with connected_to(name), state_in(place.folder), serving() as url:
                yield Site(url, built)
        finally:
            database.drop(name)


@dataclass(slots=True)
class Visit:
    """A person at a browser; what its console said is kept."""

    page: Page
    url: str
    said: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_in(self, username: str) -> None:
        self.goto("/sign-in")
        self.page.get_by_label("Name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text()


Visitor = Callable[..., Visit]


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; skipped with the reason where it is missing."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(site: Site, chromium: Browser) -> Iterator[Visitor]:
    """`visitor(javascript=False, dark=True, width=390)`: a new browser; its console must stay empty."""
    visits: list[Visit] = []

    def begin(*, javascript: bool = True, dark: bool = False, width: int = 1280, **more: Any) -> Visit:
        context = chromium.new_context(
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": 900},
            **more,
        )
        visit = Visit(context.new_page(), site.url)
        visit.page.on("console", lambda message: visit.said.append(f"{message.text} {message.location}"))
        visit.page.on("pageerror", lambda error: visit.said.append(str(error)))
        visits.append(visit)
        return visit

    yield begin
    said = [words for visit in visits for words in visit.said]
    assert not said, said
