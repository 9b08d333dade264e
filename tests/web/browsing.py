"""A person at a browser without script: pages, forms, what they say."""

from __future__ import annotations

import html
import re
from typing import Any

from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone

from apps.access.models import Person
from apps.web.pages import REAUTHENTICATED

BACKEND = "django.contrib.auth.backends.ModelBackend"


class Browser:
    """One person's session."""

    def __init__(self, person: Person | None = None, *, fresh: bool = False) -> None:
        self.client = Client()
        if person is not None:
            self.client.force_login(person, backend=BACKEND)
        if fresh:
            session = self.client.session
            session[REAUTHENTICATED] = timezone.now().isoformat()
            session.save()

    def get(self, path: str, status: int = 200, **headers: str) -> str:
        """The text of a page."""
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == status, (path, answer.status_code)
        return answer.content.decode()

    def send(self, path: str, *, on: str = "", **fields: Any) -> str:
        """Send a form that stands on a page; the text of the page that follows."""
        answer = self.client.post(path, fields, headers={"Referer": f"http://testserver{on}"} if on else {})
        return self._follow(answer)

    def _follow(self, answer: HttpResponseBase) -> str:
        if answer.status_code == 302:
            return self.get(answer["Location"].partition("#")[0].removeprefix("http://testserver"))
        return answer.content.decode()


def plain(page: str) -> str:
    """What a reader sees: no tags, no entities."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
