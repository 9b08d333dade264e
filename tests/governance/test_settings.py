"""What the settings promise, as a process started with them has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governance.celery import app

ROOT = Path(__file__).resolve().parent.parent.parent
_SHOW = """
import json
from governance import settings
print(json.dumps({n: getattr(settings, n) for n in %r}, default=str))
"""


def _settings(tmp_path: Path, *names: str, **variables: str) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "COUNTERSIGN_STATE": str(tmp_path), **variables}
    command = [sys.executable, "-c", _SHOW % (names,)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("role", "user"), [("app", "cs_app"), ("owner", "cs_owner"), ("sequencer", "cs_seq")]
)
def test_each_role_has_its_login_on_the_embedded_server(tmp_path: Path, role: str, user: str):
    found = _settings(tmp_path, "DATABASES", COUNTERSIGN_DATABASE_ROLE=role)["DATABASES"]["default"]
    assert (found["USER"], found["HOST"]) == (user, str(tmp_path / "sockets"))
    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert found["ATOMIC_REQUESTS"] is False


def test_the_owners_own_address_comes_first(tmp_path: Path):
    found = _settings(
        tmp_path,
        "DATABASES",
        COUNTERSIGN_DATABASE_ROLE="owner",
        DATABASE_URL="postgresql://cs_app@db/main",
        COUNTERSIGN_OWNER_DATABASE_URL="postgresql://cs_owner@db/main",
    )
    assert found["DATABASES"]["default"]["USER"] == "cs_owner"


@pytest.mark.parametrize(
    ("address", "secure"), [("https://countersign.example", True), ("http://127.0.0.1:8000", False)]
)
def test_the_address_decides_what_travels_secured(tmp_path: Path, address: str, secure: bool):
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT")
    assert set(_settings(tmp_path, *names, COUNTERSIGN_BASE_URL=address).values()) == {secure}


def test_a_variable_that_cannot_be_used_stops_every_command_with_a_sentence(tmp_path: Path):
    environment = {
        "PATH": os.environ["PATH"],
        "COUNTERSIGN_STATE": str(tmp_path),
        "DATABASE_URL": "sqlite:///x",
    }
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("DATABASE_URL begins with 'sqlite'")


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "COUNTERSIGN_STATE": str(tmp_path)}
    command = [sys.executable, "manage.py", "migrate"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith("The database does not answer: ")
    assert "Traceback" not in done.stderr


def test_messages_are_hints():
    assert app.conf.task_acks_late is False
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_ignore_result is True
    assert (app.conf.accept_content, app.conf.task_serializer) == (["json"], "json")
    assert {queue.name for queue in app.amqp.queues.values()} == {"quick", "heavy", "gpu", "quarantine"}
    assert app.conf.task_soft_time_limit < app.conf.task_time_limit
