"""Requests per second of an address, and how long they wait: by wrk where it is there, else by threads."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SECONDS = 3.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and the seconds that half and 99 of 100 of them took at most."""

    rate: float
    half: float
    most: float


def load(url: str, headers: Mapping[str, str], *, connections: int, seconds: float = SECONDS) -> Load:
    """Every answer must be 200."""
    run = _wrk if shutil.which("wrk") else _own
    return run(url, headers, connections, seconds)


def tool() -> str:
    """What loads, for the table."""
    return "wrk" if shutil.which("wrk") else "own client"


def _wrk(url: str, headers: Mapping[str, str], connections: int, seconds: float) -> Load:
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", *given, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    rate, half, most = (
        re.search(pattern, said, re.MULTILINE)
        for pattern in (r"Requests/sec: +(\S+)", r"^ +50% +([\d.]+)(\w+)", r"^ +99% +([\d.]+)(\w+)")
    )
    assert rate, said
    assert half, said
    assert most, said
    return Load(float(rate[1]), float(half[1]) * _UNITS[half[2]], float(most[1]) * _UNITS[most[2]])


def _own(url: str, headers: Mapping[str, str], connections: int, seconds: float) -> Load:
    parts = urlsplit(url)
    until = time.monotonic() + seconds
    taken: list[float] = []
    wrong: list[int] = []

    def work() -> None:
        client = http.client.HTTPConnection(parts.netloc, timeout=30)
        while time.monotonic() < until:
            began = time.monotonic()
            client.request("GET", parts.path, headers=dict(headers))
            answer = client.getresponse()
            answer.read()
            taken.append(time.monotonic() - began)
            if answer.status != 200:
                wrong.append(answer.status)
                return

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    taken.sort()
    return Load(len(taken) / seconds, taken[len(taken) // 2], taken[int(len(taken) * 0.99)])
