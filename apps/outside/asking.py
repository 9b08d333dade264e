"""One request to an address that was checked: no proxy, no redirect, everything bounded in size and time."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from apps.engine.errors import BadInput, Problem
from apps.outside.addresses import why_not
from apps.outside.permits import Allowed

CONNECT_S = 5.0
_PART = 1 << 16
Resolve = Callable[[str, int], Sequence[str]]


class Away(Problem):
    """Nobody answered, or answered that it cannot now; the same may be asked again later."""

    def __init__(self, sentence: str, *, after: float | None = None) -> None:
        super().__init__(sentence)
        self.after = after


class TooMuch(BadInput):
    """It answered more than is taken in; its status is known all the same."""

    def __init__(self, sentence: str, *, status: int) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def resolved(host: str, port: int) -> list[str]:
    """The addresses that a name has now."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Allowed,
    most: int,
    seconds: float,
    resolve: Resolve = resolved,
) -> Answer:
    """Send a body and take in the answer.

    Parameters
    ----------
    allowed : Allowed
        The entry that allows the host; every address that the name has now must fit it.
    most : int
        Bytes that the answer may have.
    seconds : float
        For all of it, from the connection to the last byte.

    Raises
    ------
    Away
        It cannot be reached, or did not end in time.
    BadInput
        The name leads where nothing may be asked, or the answer is larger than allowed.
    """
    return _asked("POST", url, body, headers, allowed=allowed, most=most, seconds=seconds, resolve=resolve)


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    allowed: Allowed,
    most: int,
    seconds: float,
    resolve: Resolve = resolved,
) -> Answer:
    """Fetch what lies at an address; the same rules and problems as of `post`."""
    return _asked("GET", url, None, headers, allowed=allowed, most=most, seconds=seconds, resolve=resolve)


def send(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Allowed,
    most: int,
    seconds: float,
    resolve: Resolve = resolved,
) -> Answer:
    """Send a body with another method, such as PATCH or DELETE; the same rules and problems as of `post`."""
    return _asked(method, url, body, headers, allowed=allowed, most=most, seconds=seconds, resolve=resolve)


def _asked(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    allowed: Allowed,
    most: int,
    seconds: float,
    resolve: Resolve,
) -> Answer:
    addresses = _checked(allowed, resolve)
    connection = _Connection(allowed, addresses, seconds)
    try:
        return _exchanged(connection, method, url, body, headers, most=most)
    except ssl.SSLCertVerificationError as problem:
        raise BadInput(
            f"{allowed.host} showed a certificate that does not hold: {problem.verify_message}."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as problem:
        said = "it did not end in time" if connection.late else str(problem) or type(problem).__name__
        raise Away(f"{allowed.host} gave no answer: {said}.") from None
    finally:
        connection.end()


def _checked(allowed: Allowed, resolve: Resolve) -> list[str]:
    """The addresses of the host; one that may not be connected to refuses them all."""
    try:
        found = list(resolve(allowed.host, allowed.port))
    except (OSError, UnicodeError) as problem:
        raise Away(f"{allowed.host} has no address: {getattr(problem, 'strerror', problem)}.") from None
    if not found:
        raise Away(f"{allowed.host} has no address.")
    for address in found:
        if why := why_not(address, allowed.networks):
            raise BadInput(f"{allowed.host} may not be asked: {why}.")
    return found


def _exchanged(
    connection: _Connection,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    most: int,
) -> Answer:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body=body, headers={**headers, "Connection": "close"})
    answer = connection.getresponse()
    told = {name.lower(): value for name, value in answer.getheaders()}
    found = b""
    while part := answer.read1(_PART):
        found += part
        if len(found) > most:
            sentence = f"{connection.host} answered more than the {most:,} bytes that may be taken in."
            raise TooMuch(sentence, status=answer.status)
    if connection.late:
        raise Away(f"{connection.host} gave no answer: it did not end in time.")
    if answer.length:
        raise http.client.IncompleteRead(found)
    return Answer(answer.status, told, found)


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was checked, cut when its time is over whatever it does then."""

    def __init__(self, allowed: Allowed, addresses: Sequence[str], seconds: float) -> None:
        super().__init__(allowed.host, allowed.port, timeout=seconds)
        self._allowed, self._addresses = allowed, addresses
        self._end = time.monotonic() + seconds
        self._cut = threading.Timer(seconds, self._cut_off)
        self._cut.daemon = True
        self._wire: socket.socket | None = None
        self.late = False
        self._cut.start()

    def connect(self) -> None:
        """Connect to the first of the addresses that takes it; the name is not looked up again."""
        plain = self._reached()
        self.sock: Any = plain
        self._wire = plain
        if self._allowed.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(
                plain, server_hostname=self._allowed.host, do_handshake_on_connect=False
            )
            self._wire = self.sock
            self.sock.do_handshake()

    def _reached(self) -> socket.socket:
        problem: OSError = OSError("there is no address")
        for address in self._addresses:
            left = min(CONNECT_S, self._end - time.monotonic())
            try:
                return self._to(address, left)
            except OSError as refused:
                problem = refused
        raise problem

    def _to(self, address: str, left: float) -> socket.socket:
        if left <= 0:
            raise TimeoutError("it did not connect in time")
        made = socket.create_connection((address, self._allowed.port), timeout=left)
        made.settimeout(max(0.01, self._end - time.monotonic()))
        return made

    def _cut_off(self) -> None:
        self.late = True
        if self._wire is not None:
            with contextlib.suppress(OSError):  # it has gone already
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)  # TLS's own would say goodbye first

    def end(self) -> None:
        """Close it, and stop the clock: `close` alone is called too early, with the answer still to read."""
        self._cut.cancel()
        self.close()
        if self._wire is not None:
            self._wire.close()
