"""Requests per second of an address: by wrk where it is installed, else by threads of our own."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

CONNECTIONS, SECONDS = 8, 4.0


def requests_per_second(url: str, headers: Mapping[str, str]) -> float:
    """Every answer must be 200."""
    return _wrk(url, headers) if shutil.which("wrk") else _own(url, headers)


def tool() -> str:
    """What loads, for the table."""
    return f"{'wrk' if shutil.which('wrk') else 'own client'}, {CONNECTIONS} connections"


def _wrk(url: str, headers: Mapping[str, str]) -> float:
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS:.0f}s", *given, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    found = re.search(r"Requests/sec: +(\S+)", said)
    assert found, said
    return float(found[1])


def _own(url: str, headers: Mapping[str, str]) -> float:
    parts = urlsplit(url)
    until = time.monotonic() + SECONDS
    counts = [0] * CONNECTIONS
    wrong: list[int] = []

    def work(place: int) -> None:
        client = http.client.HTTPConnection(parts.netloc, timeout=30)
        while time.monotonic() < until:
            client.request("GET", parts.path, headers=dict(headers))
            answer = client.getresponse()
            answer.read()
            counts[place] += 1
            if answer.status != 200:
                wrong.append(answer.status)
                return

    threads = [threading.Thread(target=work, args=(place,)) for place in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return sum(counts) / SECONDS
