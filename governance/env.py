"""Typed reading of the environment: the only place where settings come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from apps.access.providers import Provider, read_providers
from apps.engine.cosignature import Cosigner
from apps.engine.errors import BadInput
from apps.outside.permits import HOSTS, Permits

_YES = {"1", "true", "yes", "on"}
_NO = {"", "0", "false", "no", "off"}
_SCHEMES = {"postgres", "postgresql"}


class EnvironmentRefused(Exception):
    """A variable holds something that cannot be used; the message names it and says what was expected."""


class Environment:
    """Reads variables with a type; an empty variable is the same as an unset one."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool = False) -> bool:
        raw = self.text(name).lower()
        if name not in self._values or not raw:
            return default
        if raw in _YES:
            return True
        if raw in _NO:
            return False
        raise EnvironmentRefused(f"{name} is {raw!r}; expected one of 1, true, yes, on, 0, false, no, off.")

    def whole(self, name: str, default: int, *, least: int = 0) -> int:
        raw = self.text(name, str(default))
        if not raw.isascii() or not raw.lstrip("-").isdigit() or int(raw) < least:
            raise EnvironmentRefused(f"{name} is {raw!r}; expected a whole number of at least {least}.")
        return int(raw)

    def days(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of days, the most first, each once."""
        raw = self.words(name, tuple(map(str, default)))
        if not all(day.isascii() and day.isdigit() and 0 < int(day) < 1000 for day in raw):
            raise EnvironmentRefused(f"{name} is {', '.join(raw)!r}; expected days such as 30, 7, 1.")
        return tuple(sorted({int(day) for day in raw}, reverse=True))

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        raw = self.text(name)
        return [word.strip() for word in raw.split(",") if word.strip()] if raw else list(default)

    def among(self, name: str, known: tuple[str, ...]) -> list[str]:
        """A list of words, each one of *known*."""
        words = self.words(name)
        for word in words:
            if word not in known:
                raise EnvironmentRefused(f"{name} names {word!r}; expected some of {', '.join(known)}.")
        return words

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of *choices*; the first is the default."""
        raw = self.text(name, choices[0])
        if raw not in choices:
            raise EnvironmentRefused(f"{name} is {raw!r}; expected one of {', '.join(choices)}.")
        return raw

    def currency(self, name: str, default: str) -> str:
        """A currency by its three capitals."""
        found = self.text(name, default)
        if len(found) != 3 or not found.isascii() or not found.isalpha() or not found.isupper():
            raise EnvironmentRefused(f"{name} is {found!r}; three capitals such as EUR were expected.")
        return found

    def folder(self, name: str, default: Path) -> Path:
        raw = self.text(name)
        path = Path(raw).expanduser() if raw else default
        if not path.is_absolute():
            raise EnvironmentRefused(f"{name} is {raw!r}; expected an absolute path.")
        return path

    def url(self, name: str, default: str, *, schemes: tuple[str, ...]) -> str:
        raw = self.text(name, default).rstrip("/")
        parts = urlsplit(raw)
        if parts.scheme not in schemes or not parts.netloc:
            raise EnvironmentRefused(
                f"{name} is {raw!r}; expected an address that starts with {schemes[0]}://."
            )
        return raw

    def database(self, name: str) -> dict[str, Any] | None:
        """The Django connection described by a PostgreSQL URL, or None when the variable is unset."""
        raw = self.text(name)
        return parse_database_url(raw, named=name) if raw else None


def parse_database_url(raw: str, *, named: str) -> dict[str, Any]:
    """A PostgreSQL URL as a Django connection. A unix socket is `postgresql://user@/name?host=/folder`."""
    parts = urlsplit(raw)
    if parts.scheme not in _SCHEMES:
        raise EnvironmentRefused(
            f"{named} begins with {parts.scheme!r}; expected postgresql://user:password@host:port/name. "
            "Only PostgreSQL is supported."
        )
    options = dict(parse_qsl(parts.query))
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise EnvironmentRefused(
            f"{named} names no database; expected postgresql://user:password@host:port/name."
        )
    try:
        port = str(parts.port or "")
    except ValueError as error:
        raise EnvironmentRefused(f"{named} has a port that is not a number.") from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", unquote(parts.hostname or "")),
        "PORT": options.pop("port", port),
        "OPTIONS": options,
    }


def endpoints_named(entries: list[str], *, by: str = HOSTS) -> list[str]:
    """Services that may be asked, each as host, host:port or http://host:port, once all can be read."""
    try:
        Permits.of(entries, setting=by)
    except BadInput as error:
        raise EnvironmentRefused(str(error)) from error
    return entries


def providers_named(path: str) -> dict[str, Provider]:
    """The providers of OpenID Connect that a file names, once all of it can be used."""
    try:
        return read_providers(path)
    except BadInput as error:
        raise EnvironmentRefused(str(error)) from error


def witness_named(text: str, *, by: str) -> str:
    """A witness written as verifier-key@url, once both can be used."""
    key, _, url = text.rpartition("@")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise EnvironmentRefused(f"{by} holds {text[:80]!r}; expected verifier-key@https://host.")
    try:
        Cosigner.parse(key)
    except BadInput as error:
        raise EnvironmentRefused(f"{by}: {error}") from error
    return text
