"""`spec.endpoint`: a model that is no file but a service that scores rows when it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.engine.errors import BadInput
from apps.engine.fields import NAME, Fields
from apps.engine.strict_yaml import Path

FORMS = ("json", "arrow")
BATCH, LARGEST_BATCH = 4096, 65_536
SECONDS, LONGEST = 30, 120
_ADDRESS = re.compile(r"[\x21-\x7e]{1,2000}\Z")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?\Z|[0-9a-f:.]{2,45}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a service is asked for scores, and how.

    Parameters
    ----------
    form : {"json", "arrow"}
        What rows and scores are written in.
    secret : str or None
        The *name* of a secret that the installation holds; its value never stands in a manifest.
    batch : int
        Rows a request.
    seconds : int
        How long one answer may take.
    varies : float
        By how much two answers to the same rows may differ.
    """

    url: str
    form: str = "json"
    secret: str | None = None
    batch: int = BATCH
    seconds: int = SECONDS
    varies: float = 0.0

    @property
    def scheme(self) -> str:
        """``"https"``, or ``"http"`` where the address says so."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """Its host, in small letters."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port; the scheme's own where the address names none."""
        return urlsplit(self.url).port or (443 if self.scheme == "https" else 80)


def endpoint_of(reader: Fields, here: Path) -> Endpoint | None:
    """The endpoint that a manifest names; None where it names none.

    Raises
    ------
    BadInput
        With line and column: an unknown field, an address that cannot be asked, a number out of bounds.
    """
    if reader.at(here) is None:
        return None
    reader.mapping(here, ("url", "format", "secret", "batch", "timeout_s", "varies"), required=("url",))
    return Endpoint(
        url=_url(reader, (*here, "url")),
        form=_form(reader, (*here, "format")),
        secret=_secret(reader, (*here, "secret")),
        batch=_whole(reader, (*here, "batch"), BATCH, LARGEST_BATCH),
        seconds=_whole(reader, (*here, "timeout_s"), SECONDS, LONGEST),
        varies=_varies(reader, (*here, "varies")),
    )


def url_fault(text: str) -> str:
    """What is wrong with an address that is to be asked; empty where nothing is.

    Examples
    --------
    >>> url_fault("https://scores.example/v1"), url_fault("ftp://scores.example")
    ('', 'it must begin with https:// or http://')
    """
    if not _ADDRESS.match(text):
        return "it must be plain letters and signs without blanks, at most 2,000"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "its port or host cannot be read"
    if parts.scheme not in ("https", "http"):
        return "it must begin with https:// or http://"
    if parts.username is not None or parts.password is not None:
        return "it must not hold a name or password; name a secret instead"
    if "#" in text or not _HOST.match(parts.hostname or "") or port == 0:
        return "it needs a host name, and no part after #"
    return ""


def _url(reader: Fields, path: Path) -> str:
    text = reader.text(path) or ""
    if fault := url_fault(text):
        raise reader.refuse(path, f"spec.endpoint.url cannot be asked: {fault}.")
    return text


def _form(reader: Fields, path: Path) -> str:
    return "json" if reader.at(path) is None else reader.choice(path, FORMS)


def _secret(reader: Fields, path: Path) -> str | None:
    name = reader.text(path)
    if name is not None and not NAME.match(name):
        raise reader.refuse(
            path, "spec.endpoint.secret is the name of a secret: letters, digits, dots, dashes, underscores."
        )
    return name


def _whole(reader: Fields, path: Path, default: int, most: int) -> int:
    value = reader.at(path)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise _bounds(reader, path, f"a whole number from 1 to {most:,}")
    return value


def _varies(reader: Fields, path: Path) -> float:
    found = reader.number(path)
    if found is not None and not 0 <= found <= 1:
        raise _bounds(reader, path, "a number from 0 to 1")
    return found or 0.0


def _bounds(reader: Fields, path: Path, wanted: str) -> BadInput:
    return reader.refuse(path, f"{'.'.join(map(str, path))} must be {wanted}, not {reader.at(path)}.")
