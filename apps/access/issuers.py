"""Services that say who somebody is: what each publishes, and whether a token of theirs is to be believed.

Nothing of an issuer is asked but at hosts that the installation named for it, without redirects, and no
more than is needed: its description is remembered for an hour, its keys too, and a key that nobody knows
makes us look again at most once a minute.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
from jwt.exceptions import PyJWTError

from apps.audit.errors import Forbidden, Refused
from apps.engine.errors import Problem
from apps.outside.asking import Answer, Resolve, get, post, resolved
from apps.outside.permits import Allowed

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
LEEWAY = 60  # seconds by which two clocks may differ
_KEPT = 3600.0
_LOOK_AGAIN = 60.0
_LARGEST, _LONGEST_TOKEN = 256 * 1024, 64 * 1024
_SECONDS = 8.0
_SMALLEST_RSA = 2048
Clock = Callable[[], float]


class NotBelieved(Forbidden):
    """What an issuer sent does not prove who somebody is."""

    code = "not_believed"


class IssuerAway(Refused):
    """The issuer could not be asked now."""

    code = "issuer_away"


@dataclass(slots=True)
class Issuer:
    """One issuer, and what of it is remembered in this process."""

    url: str
    allowed: Sequence[Allowed]
    resolve: Resolve = resolved
    clock: Clock = time.monotonic
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _document: dict[str, Any] = field(default_factory=dict)
    _document_at: float = float("-inf")
    _keys: list[dict[str, Any]] = field(default_factory=list)
    _keys_at: float = float("-inf")

    def document(self) -> dict[str, Any]:
        """What the issuer publishes of itself; it must call itself as it was asked."""
        with self._lock:
            if self.clock() - self._document_at > _KEPT:
                self._document = self._described()
                self._document_at = self.clock()
            return self._document

    def _described(self) -> dict[str, Any]:
        found = self.fetch(f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self.url:
            raise NotBelieved(
                f"{self.url} calls itself {str(found.get('issuer'))[:200]!r}, which is another."
            )
        return found

    def place(self, name: str) -> str:
        """An address that the description names; it must be one that may be asked."""
        url = self.document().get(name)
        if not isinstance(url, str):
            raise NotBelieved(f"{self.url} names no {name}.")
        return url

    def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK:
        """The one key of that name which can have signed this way."""
        with self._lock:
            self._refresh(_KEPT)
            fitting = self._fitting(kid, algorithm)
            if not fitting:
                self._refresh(_LOOK_AGAIN)
                fitting = self._fitting(kid, algorithm)
        if len(fitting) != 1:
            raise NotBelieved(
                f"{self.url} publishes {len(fitting)} keys that can have signed this; one is needed."
            )
        return _usable(fitting[0], algorithm)

    def published(self) -> list[dict[str, Any]]:
        """The keys that it publishes."""
        with self._lock:
            self._refresh(_KEPT)
            return list(self._keys)

    def _refresh(self, older_than: float) -> None:
        """Look at the keys again, when the last look is old enough."""
        if self.clock() - self._keys_at <= older_than:
            return
        found = self.fetch(self.place("jwks_uri")).get("keys")
        self._keys_at = self.clock()
        rows = found if isinstance(found, list) else []
        self._keys = [row for row in rows[:100] if isinstance(row, dict)]

    def _fitting(self, kid: str | None, algorithm: str) -> list[dict[str, Any]]:
        return [
            row
            for row in self._keys
            if (kid is None or row.get("kid") == kid)
            and row.get("kty") == ("EC" if algorithm.startswith("ES") else "RSA")
            and row.get("use", "sig") == "sig"
            and row.get("alg", algorithm) == algorithm
            and row.get("crv") == _CURVES.get(algorithm)
        ]

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object that lies at an address."""
        allowed = self._allowed(url)
        told = {"Accept": "application/json", **(headers or {})}
        return self._answered(
            url,
            lambda: get(url, told, allowed=allowed, most=_LARGEST, seconds=_SECONDS, resolve=self.resolve),
        )

    def send(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        """Send a form, and take in the JSON object that is answered."""
        allowed, body = self._allowed(url), urlencode(form).encode()
        told = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", **headers}
        return self._answered(
            url,
            lambda: post(
                url, body, told, allowed=allowed, most=_LARGEST, seconds=_SECONDS, resolve=self.resolve
            ),
        )

    def _answered(self, url: str, ask: Callable[[], Answer]) -> dict[str, Any]:
        host = urlsplit(url).hostname
        try:
            answer = ask()
        except Problem as problem:
            raise IssuerAway(f"{self.url} could not be asked: {problem}") from None
        if answer.status != 200:
            raise NotBelieved(f"{host} answered {answer.status}, not 200.{_said(answer)}")
        return strict_object(answer.body, of=str(host))

    def reachable(self, url: str) -> None:
        """Refused for an address outside the hosts that the installation named."""
        self._allowed(url)

    def _allowed(self, url: str) -> Allowed:
        try:
            parts = urlsplit(url)
            wanted = (parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))
        except ValueError:
            raise NotBelieved(f"{self.url} leads to {url[:200]!r}, which is no address.") from None
        for entry in self.allowed:
            if (entry.scheme, entry.host, entry.port) == wanted and not parts.username:
                return entry
        raise NotBelieved(f"{self.url} leads to {url[:200]!r}, and its hosts do not name that place.")


def _said(answer: Answer) -> str:
    """The error's name (RFC 6749), and nothing else of what somebody else wrote."""
    try:
        name = strict_object(answer.body, of="").get("error")
    except NotBelieved:
        return ""
    plain = isinstance(name, str) and name.isascii() and name.replace("_", "").isalpha() and len(name) < 60
    return f" It says {name}." if plain else ""


def _usable(row: dict[str, Any], algorithm: str) -> jwt.PyJWK:
    try:
        key = jwt.PyJWK.from_dict(row, algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError):
        raise NotBelieved("The key that is said to have signed this cannot be read.") from None
    if row["kty"] == "RSA" and key.key.key_size < _SMALLEST_RSA:
        raise NotBelieved(
            f"The key that signed this has {key.key.key_size} bits; {_SMALLEST_RSA} are needed."
        )
    return key


def strict_object(raw: bytes, *, of: str) -> dict[str, Any]:
    """A JSON object without doubled names."""
    try:
        found = json.loads(raw.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise NotBelieved(f"{of} answered something that is no JSON object.") from None
    if not isinstance(found, dict):
        raise NotBelieved(f"{of} answered something that is no JSON object.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def verified(
    raw: str, *, issuer: Issuer, audience: str, algorithms: Sequence[str] = ALGORITHMS
) -> dict[str, Any]:
    """The claims of a token, once issuer, audience, times and signature hold."""
    if not isinstance(raw, str) or not raw.isascii() or len(raw) > _LONGEST_TOKEN:
        raise NotBelieved("The token is no text of a sensible length.")
    try:
        return _decoded(raw, issuer, audience, algorithms)
    except jwt.MissingRequiredClaimError as error:
        raise NotBelieved(f"The token lacks {error.claim}.") from None
    except (PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise NotBelieved(f"The token does not hold: {_told(error)}.") from None


def _told(error: Exception) -> str:
    return str(error).rstrip(".")[:200] if isinstance(error, PyJWTError) else "it cannot be read"


def _decoded(raw: str, issuer: Issuer, audience: str, algorithms: Sequence[str]) -> dict[str, Any]:
    header = jwt.get_unverified_header(raw)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in algorithms or algorithm not in ALGORITHMS:
        raise NotBelieved(f"The token is signed by {str(algorithm)[:20]!r}; {', '.join(algorithms)} count.")
    if "crit" in header or not isinstance(kid, str | None):
        raise NotBelieved("The token's header holds what nobody here understands.")
    found: dict[str, Any] = jwt.decode(
        raw,
        issuer.key(kid, algorithm),
        algorithms=[algorithm],
        audience=audience,
        issuer=issuer.url,
        leeway=LEEWAY,
        options={"require": ["iss", "sub", "aud", "exp", "iat"]},
    )
    several = isinstance(found["aud"], list) and len(found["aud"]) > 1
    if (several or "azp" in found) and found.get("azp") != audience:
        raise NotBelieved("The token was made for another program (azp).")
    if not (isinstance(found["sub"], str) and 0 < len(found["sub"]) <= 255 and found["sub"].isprintable()):
        raise NotBelieved("The token's sub is no name of 1 to 255 characters.")
    return found


def issuer_with(url: str, keys: Sequence[Mapping[str, Any]]) -> Issuer:
    """The issuer of that name with keys that somebody gave; it is never asked anything."""
    return Issuer(url, (), _keys=[dict(row) for row in keys], _keys_at=float("inf"))


_KNOWN: dict[tuple[str, tuple[Allowed, ...]], Issuer] = {}
_KNOWN_LOCK = threading.Lock()


def issuer_at(url: str, allowed: Sequence[Allowed]) -> Issuer:
    """The issuer of that name; what this process remembers of it is shared."""
    with _KNOWN_LOCK:
        return _KNOWN.setdefault((url, tuple(allowed)), Issuer(url, tuple(allowed)))
