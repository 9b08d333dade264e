"""An integration set up as an administrator would, and the other side of it on the loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.access.models import Person
from apps.audit.states import system
from apps.deploys import commands
from apps.deploys.models import Environment, Inbound, Integration, Question
from apps.inventory.models import RegisteredModel
from tests import factories
from tests.cli.loopback import Asked, Loopback, Told, loopback

WORKER = system("worker")
Answerer = Callable[[Asked], Told | None]


@dataclass(slots=True)
class Elsewhere:
    """What the other side was asked; `answers` may be replaced."""

    server: Loopback
    answers: Answerer = field(default=lambda _: Told(204))

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def host(self) -> str:
        return f"{self.url}=127.0.0.0/8"

    def told(self, part: str = "") -> list[Asked]:
        return [asked for asked in self.server.asked if part in asked.path]

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Elsewhere]:
        with loopback(lambda asked: found.answers(asked)) as server:
            found = cls(server)
            yield found


@dataclass(slots=True)
class Site:
    """One integration with its secrets."""

    row: Integration
    secrets: Mapping[str, str]
    kind: str

    @property
    def address(self) -> str:
        return f"/hooks/{self.kind}/{self.row.pk}"

    def bind(self, *, place: str = "production", model: str = "credit-pd", **more: str) -> None:
        commands.bind_model(
            by=factories.administrator(),
            integration=self.row,
            model=RegisteredModel.objects.get(key=model),
            environment=Environment.objects.get(key="production"),
            place=place,
            **more,
        )

    def deliver(self, body: Any, headers: Mapping[str, str], **more: Any) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content_type": "application/json", "headers": headers, **more}
        return Client(raise_request_exception=False).post(self.address, raw, **given)

    def question(self) -> Question:
        return Question.objects.get(integration=self.row)

    def worked(self) -> Question:
        """The only question, once a worker took it up."""
        commands.answer_question(by=WORKER, question_id=self.question().pk)
        return self.question()

    def worked_later(self) -> Question:
        """The same when its time has come again."""
        Question.objects.filter(integration=self.row).update(next_at=timezone.now() - timedelta(seconds=1))
        return self.worked()

    def taken(self) -> list[str]:
        return list(Inbound.objects.filter(integration=self.row).values_list("outcome", flat=True))


def made(kind: str, *, hosts: str = "", given: Mapping[str, str] | None = None, **settings: str) -> Site:
    """An integration of that kind, asking as the pipeline."""
    by = factories.administrator()
    row, secrets = commands.make_integration(
        by=by, kind=kind, name=f"our-{kind}", account=account(), settings=settings, hosts=hosts
    )
    for name, value in (given or {}).items():
        commands.give_secret(by=by, integration=row, name=name, value=value)
    return Site(row, secrets, kind)


def account() -> Person:
    return Person.objects.filter(username="pipeline").first() or factories.service()


def signed(secret: str, raw: bytes) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
