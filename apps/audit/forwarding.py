"""Sending the file of digests on to a syslog host as it grows: RFC 5424 over TLS, TCP or UDP."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from apps.audit.digests import own_file
from apps.engine.errors import BadInput

PATIENCE = 5.0
PORTS = {"tls": 6514, "tcp": 601, "udp": 514}
_MOST = 500
_AUDIT_INFO = 13 * 8 + 6  # the facility "log audit", the severity "informational"
_log = logging.getLogger("countersign.forwarding")


def message(line: bytes, *, host: str, process: int) -> bytes:
    """One line of the file as a message of RFC 5424."""
    at = json.loads(line)["at"]
    return f"<{_AUDIT_INFO}>1 {at} {host} countersign {process} event-digest - ".encode() + line.strip()


class Forwarder:
    """Sends what is new; what could not be sent is sent later. One works on each host."""

    def __init__(self) -> None:
        self._rest_until = 0.0

    def turn(self) -> int:
        """Send what is new and give back how many lines went."""
        if not settings.SYSLOG or time.monotonic() < self._rest_until:
            return 0
        try:
            return self._send()
        except OSError as error:
            self._rest_until = time.monotonic() + 10
            _log.warning("digests of events wait: %s is not reached: %s", settings.SYSLOG, error)
            return 0

    def _send(self) -> int:
        path = own_file()
        if not path.exists():
            return 0
        with _position(path).open("a+b") as place:
            try:
                fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            place.seek(0)
            begin = int(place.read() or b"0")
            lines, end = _new(path, begin)
            if lines:
                host = socket.gethostname() or "-"
                deliver([message(line, host=host, process=os.getpid()) for line in lines])
                place.truncate(0)
                place.write(str(end).encode())
        return len(lines)


def _position(path: Path) -> Path:
    return path.with_suffix(".sent")


def _new(path: Path, begin: int) -> tuple[list[bytes], int]:
    with path.open("rb") as file:
        file.seek(begin)
        lines: list[bytes] = []
        while len(lines) < _MOST and (line := file.readline()).endswith(b"\n"):
            lines.append(line)
            begin += len(line)
    return lines, begin


def deliver(messages: Sequence[bytes]) -> None:
    """To the host of the settings; OSError where it is not reached, or its certificate names another."""
    parts = urlsplit(settings.SYSLOG)
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadInput(
            f"COUNTERSIGN_SYSLOG is {settings.SYSLOG!r}; expected tls://host:6514, tcp://host:601 or "
            "udp://host:514."
        )
    address = parts.hostname, parts.port or PORTS[parts.scheme]
    if parts.scheme == "udp":
        _datagrams(address, messages)
        return
    with socket.create_connection(address, PATIENCE) as plain, _stream(plain, parts) as stream:
        stream.sendall(b"".join(b"%d %s" % (len(m), m) for m in messages))
        _close(stream)


def _stream(plain: socket.socket, parts: SplitResult) -> socket.socket:
    """The connection itself, or TLS over it (RFC 5425) with a host whose certificate is checked."""
    if parts.scheme == "tcp":
        return plain
    trusted = ssl.create_default_context(cafile=settings.SYSLOG_CA or None)
    trusted.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.SYSLOG_CERTIFICATE:
        trusted.load_cert_chain(settings.SYSLOG_CERTIFICATE)
    return trusted.wrap_socket(plain, server_hostname=parts.hostname)


def _close(stream: socket.socket) -> None:
    """Say that all was sent, and over TLS hear it from the other side: nothing was lost on the way."""
    if isinstance(stream, ssl.SSLSocket):
        with suppress(ssl.SSLEOFError, ssl.SSLZeroReturnError):
            stream.unwrap()
    else:
        stream.shutdown(socket.SHUT_WR)


def _datagrams(address: tuple[str, int], messages: Sequence[bytes]) -> None:
    family, *_, place = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for one in messages:
            sender.sendto(one, place)
