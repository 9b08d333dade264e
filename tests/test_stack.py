from __future__ import annotations

import http.client
import os
import signal
from urllib.parse import urlsplit

import pytest
from django.test import Client

from apps.deploys.watching.numbers import Worker, workers
from tests import factories
from tests.stack import LiveStack


def here(lane: str) -> list[Worker]:
    return [worker for worker in workers() if worker.here and lane in worker.lanes]


@pytest.mark.slow
def test_the_stack_answers_and_mends_itself(live_stack: LiveStack):
    live_stack.until(lambda: bool(here("quick") and here("heavy")))
    (idle,) = here("quick")
    first = live_stack.pid("worker-quick")
    assert first is not None
    assert (idle.name.rpartition(":")[2], idle.lanes, idle.running) == (str(first), ("quick",), 0)
    seen_by_whoever_watches(idle.name)
    os.kill(first, signal.SIGKILL)
    live_stack.until(lambda: any("worker-quick ended" in line for line in live_stack.said))
    live_stack.until(lambda: live_stack.pid("worker-quick") not in (None, first))
    second = live_stack.pid("worker-quick")
    live_stack.until(lambda: any(w.name.endswith(f":{second}") for w in here("quick")))
    client = http.client.HTTPConnection(urlsplit(live_stack.address).netloc, timeout=30)
    client.request("GET", "/sign-in")
    assert client.getresponse().headers["Content-Security-Policy"].startswith("default-src 'self'")
    client.close()


def seen_by_whoever_watches(name: str) -> None:
    """The page of the system shows a worker that has nothing to do, with its lane."""
    client = Client()
    client.force_login(factories.administrator())
    page = client.get("/system").content.decode()
    row = page[page.index(name) :].partition("</tr>")[0]
    assert "quick" in row
    assert "idle" in row
