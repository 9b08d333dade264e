"""Lines that nobody can forge, and that no secret reaches."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from apps.audit.tracing import about_run
from governance.logs import JsonFormatter

PLANTED = "cs_" + "S3cretS3cretS3cretS3cretS3cretS3cretS3cretS"


def line(message: str, *args: object, error: BaseException | None = None, **extra: object) -> str:
    info = (type(error), error, None) if error else None
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, args, info)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


@pytest.mark.parametrize(
    "evil",
    ["a\nb", "a\r\nb", "a\u2028b", "\x1b[31mred", "a\u202eb", "a\x85b", "a\x00b", 'x"}\n{"level":"bad'],
)
def test_a_message_stays_one_line_of_plain_characters(evil: str) -> None:
    written = line("sign-in of %s", evil)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written)["message"] == f"sign-in of {evil}"


@pytest.mark.parametrize(
    "text",
    [
        PLANTED,
        f"Authorization: Bearer {PLANTED}",
        "Authorization: Basic aHVudGVyMjpodW50ZXIy",
        "redis://:hunter2hunter2@broker:6379/0 refused",
        "postgresql://cs_app:hunter2hunter2@db/countersign",
        "password=hunter2hunter2",
        '{"password": "hunter2hunter2"}',
    ],
)
def test_what_looks_like_a_secret_is_left_out_wherever_it_stands(text: str) -> None:
    for written in (
        line(text),
        line("%s", text),
        line("x", error=ValueError(text)),
        line("x", request_path=text),
    ):
        assert not [word for word in ("hunter2", "S3cret", "aHVudGVy") if word in written]


def test_the_secrets_of_the_settings_are_left_out_by_value() -> None:
    assert settings.SECRET_KEY not in line("it broke: %s", settings.SECRET_KEY)


def test_a_line_names_the_run_that_it_is_about() -> None:
    run = uuid.uuid4()
    with about_run(run, "a test"):
        assert json.loads(line("x"))["run"] == str(run)
    assert "run" not in json.loads(line("x"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.get("/api/v1/models", headers={"Authorization": f"Bearer {PLANTED}"}),
        lambda c: c.get(f"/api/v1/models?token={PLANTED}"),
        lambda c: c.get(f"/models/{PLANTED}"),
        lambda c: c.post("/sign-in", {"username": "x", "password": PLANTED}),
        lambda c: c.post("/api/v1/models", {"key": PLANTED}, content_type="application/json"),
        lambda c: c.get("/", headers={"X-Request-ID": PLANTED}),
    ],
)
def test_no_request_brings_a_planted_secret_into_the_log(
    ask: Callable[[Client], object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(Client(raise_request_exception=False))
    written = [JsonFormatter().format(record) for record in caplog.records]
    assert written
    assert not [each for each in written if "S3cret" in each]


def test_a_worker_that_fails_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("apps.gates.commands.execution")
    with about_run(uuid.uuid4(), "run.execute"):
        try:
            raise RuntimeError(f"could not reach amqp://worker:{PLANTED}@rabbit with {PLANTED}")
        except RuntimeError:
            log.exception("run failed with %s", {"password": PLANTED})
    assert not [r for r in caplog.records if "S3cret" in JsonFormatter().format(r)]
