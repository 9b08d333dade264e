"""Which services an installation may ask, and the secrets that it holds for each of them.

Nothing is allowed by default. An entry is a host, with a scheme, a port and networks where they are not the
usual ones: ``scores.example``, ``scores.bank.internal:8443=10.20.0.0/16``, ``http://127.0.0.1:9000=127.0.0.0/8``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint, url_fault
from apps.outside.addresses import Network

HOSTS, SECRETS = "COUNTERSIGN_ENDPOINTS", "COUNTERSIGN_ENDPOINT_SECRETS"
_LARGEST_SECRET = 8192


@dataclass(frozen=True, slots=True)
class Allowed:
    """One service that may be asked."""

    scheme: str
    host: str
    port: int
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Permits:
    """What is allowed; without entries nothing is."""

    allowed: tuple[Allowed, ...] = ()
    secrets: Path | None = None
    setting: str = HOSTS

    @classmethod
    def of(
        cls, entries: Sequence[str], secrets: Path | str | None = None, *, setting: str = HOSTS
    ) -> Permits:
        """Permits as a setting writes them; BadInput names the entry that cannot be read."""
        found = tuple(_allowed(entry, setting) for entry in entries)
        return cls(found, Path(secrets) if secrets else None, setting)

    def for_endpoint(self, endpoint: Endpoint) -> Allowed:
        """The entry that allows to ask an endpoint.

        Raises
        ------
        BadInput
            None does; the sentence names what would have to be allowed.
        """
        wanted = (endpoint.scheme, endpoint.host, endpoint.port)
        for entry in self.allowed:
            if (entry.scheme, entry.host, entry.port) == wanted:
                return entry
        place = f"{endpoint.host}:{endpoint.port}"
        plain = " over http, without encryption" if endpoint.scheme == "http" else ""
        raise BadInput(
            f"The endpoint {place} may not be asked{plain}: {self.setting} names the services that may, "
            "and it is not among them."
        )

    def secret(self, endpoint: Endpoint) -> str:
        """The secret that an endpoint wants, from the folder of its own host; empty where it wants none."""
        if endpoint.secret is None:
            return ""
        called = f'The secret "{endpoint.secret}" for {endpoint.host}'
        if self.secrets is None:
            raise BadInput(f"{called} cannot be found: {SECRETS} names no folder.")
        try:
            with (self.secrets / endpoint.host / endpoint.secret).open("rb") as file:
                found = file.read(_LARGEST_SECRET + 1).strip()
        except OSError as problem:
            raise BadInput(f"{called} cannot be read: {problem.strerror}.") from None
        if not found or len(found) > _LARGEST_SECRET or not all(0x21 <= byte <= 0x7E for byte in found):
            raise BadInput(f"{called} is empty, too long, or holds signs that no header may have.")
        return found.decode("ascii")


def _allowed(entry: str, setting: str) -> Allowed:
    place, _, lying = entry.partition("=")
    url = place if "://" in place else f"https://{place}"
    parts = urlsplit(url)
    if url_fault(url) or parts.path.strip("/") or parts.query:
        raise BadInput(
            f"{setting} holds {entry[:80]!r}; "
            "a host such as scores.example, or http://host:port, was expected."
        )
    endpoint = Endpoint(url=url)
    try:
        networks = tuple(ipaddress.ip_network(text) for text in lying.split("+") if text)
    except ValueError as problem:
        sentence = f"{setting} holds {entry[:80]!r}; after = networks such as 10.20.0.0/16."
        raise BadInput(sentence) from problem
    return Allowed(endpoint.scheme, endpoint.host, endpoint.port, networks)
