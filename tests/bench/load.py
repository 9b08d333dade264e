"""Requests per second of an address, and how long they wait: by wrk where it is there, else by threads."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

SECONDS = 3.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and the seconds that half and 99 of 100 of them took at most."""

    rate: float
    half: float
    most: float
    # How many were told to come again later, which counts as an answer only where that is asked for.
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Post:
    """What is sent, and the header that is another one each time."""

    body: str
    numbered: str = ""


def load(
    url: str,
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: float = SECONDS,
    post: Post | None = None,
    forgiving: bool = False,
) -> Load:
    """Every answer must say that it was done, unless being told to come again is forgiven."""
    _once(url, headers, post)
    run = _wrk if shutil.which("wrk") else _own
    found = run(url, headers, post, connections, seconds)
    assert found.rate, "nothing was answered"
    assert forgiving or not found.refused, f"{found.refused} requests were refused"
    return found


def tool() -> str:
    """What loads, for the table."""
    return "wrk" if shutil.which("wrk") else "own client"


def _once(url: str, headers: Mapping[str, str], post: Post | None) -> None:
    """One request that does not count: processes that just began are still loading, or say to come again."""
    parts, until = urlsplit(url), time.monotonic() + 120
    status = 429
    while status == 429 and time.monotonic() < until:
        client = http.client.HTTPConnection(parts.netloc, timeout=120)
        status = _sent(client, parts.path, headers, post)
        client.close()
        time.sleep(0.5 if status == 429 else 0)
    assert status < 300, f"{url} answered {status}"


def _sent(
    client: http.client.HTTPConnection, path: str, headers: Mapping[str, str], post: Post | None
) -> int:
    if post is None:
        client.request("GET", path, headers=dict(headers))
    else:
        numbered = {post.numbered: str(uuid4())} if post.numbered else {}
        client.request("POST", path, post.body, headers={**headers, **numbered})
    answer = client.getresponse()
    answer.read()
    return answer.status


_SCRIPT = """
local n = 0
local headers = {%s}
request = function()
  n = n + 1
  %s
  return wrk.format("POST", nil, headers, [==[%s]==])
end
"""


def _scripted(post: Post, headers: Mapping[str, str]) -> str:
    given = ", ".join(f"[ [==[{name}]==] ] = [==[{value}]==]" for name, value in headers.items())
    numbering = f'headers["{post.numbered}"] = "{uuid4()}-" .. n' if post.numbered else ""
    return _SCRIPT % (given, numbering, post.body)


def _wrk(url: str, headers: Mapping[str, str], post: Post | None, connections: int, seconds: float) -> Load:
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if post:
            script.write(_scripted(post, headers))
            script.flush()
            given = ["-s", script.name]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", *given, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return _read(said)


def _read(said: str) -> Load:
    """What wrk printed.

    >>> _read(" 50% 1.5ms\\n 99% 2s\\n Non-2xx or 3xx responses: 3\\nRequests/sec: 10.5")
    Load(rate=10.5, half=0.0015, most=2.0, refused=3)
    """
    rate, half, most = (
        re.search(pattern, said, re.MULTILINE)
        for pattern in (r"Requests/sec: +(\S+)", r"^ +50% +([\d.]+)(\w+)", r"^ +99% +([\d.]+)(\w+)")
    )
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    assert rate, said
    assert half, said
    assert most, said
    return Load(
        float(rate[1]),
        float(half[1]) * _UNITS[half[2]],
        float(most[1]) * _UNITS[most[2]],
        int(refused[1]) if refused else 0,
    )


def _own(url: str, headers: Mapping[str, str], post: Post | None, connections: int, seconds: float) -> Load:
    parts = urlsplit(url)
    until = time.monotonic() + seconds
    taken: list[float] = []
    wrong: list[int] = []

    def work() -> None:
        client = http.client.HTTPConnection(parts.netloc, timeout=30)
        while time.monotonic() < until:
            began = time.monotonic()
            status = _sent(client, parts.path, headers, post)
            taken.append(time.monotonic() - began)
            if status >= 300:
                wrong.append(status)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    half, most = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    return Load(len(taken) / seconds, half, most, len(wrong))
