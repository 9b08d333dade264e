"""A web process dies in the middle of a write."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress

import pytest
from django.conf import settings
from django.db import transaction

from apps.access.commands import begin_idempotent
from apps.audit.errors import Refused
from apps.audit.models import Event
from apps.gates.models import Run
from tests import factories
from tests.database import FreshDatabase
from tests.flows import bank


@pytest.mark.slow
def test_a_key_is_free_at_once_when_its_process_was_killed(
    fresh_bank: FreshDatabase,
) -> None:
    """F01: kill -9 after the INSERT, before the COMMIT: no run, no event, and a retry need not wait."""
    by, version = factories.developer(), bank.version()
    code = (
        "import django; django.setup()\n"
        "from django.db import transaction\n"
        "from apps.access.commands import begin_idempotent\n"
        "from apps.access.models import Person\n"
        "from apps.gates.commands import request_run\n"
        "from apps.inventory.models import ModelVersion\n"
        f"by = Person.objects.get(pk='{by.pk}')\n"
        f"version = ModelVersion.objects.get(pk='{version.pk}')\n"
        "with transaction.atomic():\n"
        "    begin_idempotent(by=by, key='k-7', fingerprint='f' * 64)\n"
        "    request_run(by=by, version=version, use=version.model.uses.first())\n"
        "    print('inserted', flush=True); input()\n"
    )
    before = Run.objects.count(), Event.objects.count()
    web = subprocess.Popen(
        [sys.executable, "-c", code],
        env=fresh_bank.environment() | {"COUNTERSIGN_STATE": str(settings.STATE)},
        cwd=settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert web.stdout.readline() == b"inserted\n"
    with pytest.raises(Refused, match="still at work"):
        begin_idempotent(by=by, key="k-7", fingerprint="f" * 64)
    web.kill()
    web.communicate()
    for _ in range(50):  # the server notices the closed socket
        with suppress(Refused), transaction.atomic():
            assert begin_idempotent(by=by, key="k-7", fingerprint="e" * 64).status is None
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the key was never freed")
    assert (Run.objects.count(), Event.objects.count()) == before
