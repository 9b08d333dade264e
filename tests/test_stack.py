from __future__ import annotations

import http.client
import os
import signal
from urllib.parse import urlsplit

import pytest

from tests.stack import LiveStack


@pytest.mark.slow
def test_the_stack_answers_and_mends_itself(live_stack: LiveStack):
    first = live_stack.pid("worker-quick")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    live_stack.until(lambda: any("worker-quick ended" in line for line in live_stack.said))
    live_stack.until(lambda: live_stack.pid("worker-quick") not in (None, first))
    client = http.client.HTTPConnection(urlsplit(live_stack.address).netloc, timeout=30)
    client.request("GET", "/sign-in")
    assert client.getresponse().headers["Content-Security-Policy"].startswith("default-src 'self'")
    client.close()
