"""Who else may say who somebody is: the providers of OpenID Connect, as the installation's file names them.

No Django, so that settings can read the file and refuse to start with one that cannot be used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from apps.access.issuers import ALGORITHMS
from apps.engine.errors import BadInput
from apps.engine.fields import Fields
from apps.engine.strict_yaml import Path as Place
from apps.engine.strict_yaml import read
from apps.outside.permits import Allowed, Permits

FILE = "COUNTERSIGN_OIDC_PROVIDERS"
_KEY = re.compile(r"[a-z][a-z0-9-]{0,38}\Z")
_LARGEST_SECRET = 4096
_KNOWN = (
    "title",
    "issuer",
    "client",
    "secret_file",
    "hosts",
    "scopes",
    "algorithms",
    "groups_claim",
    "username_claim",
    "userinfo",
    "create_accounts",
    "second_factor",
    "directory",
    "directory_claim",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, and what is believed of it."""

    key: str
    title: str
    issuer: str
    client: str
    secret_file: Path | None
    allowed: tuple[Allowed, ...]
    scopes: tuple[str, ...]
    algorithms: tuple[str, ...]
    groups_claim: str
    username_claim: str
    userinfo: bool
    create_accounts: bool
    amr: tuple[str, ...]
    acr: tuple[str, ...]
    directory: str
    directory_claim: str

    @property
    def source(self) -> str:
        """What mappings of groups call it."""
        return f"oidc:{self.key}"

    def secret(self) -> str:
        """The client's secret; empty for a client that has none."""
        if self.secret_file is None:
            return ""
        try:
            with self.secret_file.open("rb") as file:
                found = file.read(_LARGEST_SECRET + 1).strip()
        except OSError as problem:
            raise BadInput(f"The secret of {self.key} cannot be read: {problem.strerror}.") from None
        if not found or len(found) > _LARGEST_SECRET or not found.isascii():
            raise BadInput(f"The secret of {self.key} is empty, too long or no plain text.")
        return found.decode()


def read_providers(path: str) -> dict[str, Provider]:
    """The providers of a file by their keys; none without a file. BadInput names line and column."""
    if not path:
        return {}
    try:
        data = Path(path).read_bytes()
    except OSError as problem:
        raise BadInput(f"{FILE} names {path}, which cannot be read: {problem.strerror}.") from None
    reader = Fields(read(data, name=Path(path).name))
    reader.mapping((), ("providers",), required=("providers",))
    rows = reader.at(("providers",))
    reader.mapping(("providers",), tuple(rows) if isinstance(rows, dict) else ())
    return {str(key): _provider(reader, ("providers", key)) for key in rows}


def _provider(reader: Fields, here: Place) -> Provider:
    key = str(here[-1])
    if not _KEY.match(key):
        raise reader.refuse(here, f'"{key}" is no key: 1 to 39 small letters, digits and dashes.', key=True)
    reader.mapping(here, _KNOWN, required=("title", "issuer", "client"))
    amr, acr = _second_factor(reader, (*here, "second_factor"))
    return Provider(
        key=key,
        title=_text(reader, (*here, "title")),
        issuer=_text(reader, (*here, "issuer")),
        client=_text(reader, (*here, "client")),
        secret_file=_secret_file(reader, (*here, "secret_file")),
        allowed=_allowed(reader, here),
        scopes=_scopes(reader, (*here, "scopes")),
        algorithms=_algorithms(reader, (*here, "algorithms")),
        groups_claim=_text(reader, (*here, "groups_claim"), ""),
        username_claim=_text(reader, (*here, "username_claim"), "preferred_username"),
        userinfo=_flag(reader, (*here, "userinfo")),
        create_accounts=_flag(reader, (*here, "create_accounts")),
        amr=amr,
        acr=acr,
        directory=_text(reader, (*here, "directory"), ""),
        directory_claim=_text(reader, (*here, "directory_claim"), "sub"),
    )


def _text(reader: Fields, place: Place, default: str | None = None) -> str:
    found = reader.text(place)
    if found is None:
        found = default
    if found is None:
        raise reader.refuse(place, f"{place[-1]} is missing.")
    return found


def _flag(reader: Fields, place: Place) -> bool:
    found = reader.at(place)
    if found not in (None, True, False):
        raise reader.refuse(place, f"{place[-1]} must be true or false.")
    return bool(found)


def _secret_file(reader: Fields, place: Place) -> Path | None:
    found = reader.text(place)
    if found is not None and not Path(found).is_absolute():
        raise reader.refuse(place, "secret_file must be an absolute path.")
    return Path(found) if found else None


def _scopes(reader: Fields, place: Place) -> tuple[str, ...]:
    found = reader.texts(place, distinct=True) or ("openid", "profile", "email")
    if "openid" not in found:
        raise reader.refuse(place, "scopes must hold openid.")
    return found


def _algorithms(reader: Fields, place: Place) -> tuple[str, ...]:
    found = reader.texts(place, distinct=True) or ("RS256", "PS256", "ES256")
    for name in found:
        if name not in ALGORITHMS:
            raise reader.refuse(place, f"{name} is none of the algorithms {', '.join(ALGORITHMS)}.")
    return found


def _second_factor(reader: Fields, place: Place) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if reader.at(place) is None:
        return (), ()
    reader.mapping(place, ("amr", "acr"))
    return reader.texts((*place, "amr")), reader.texts((*place, "acr"))


def _allowed(reader: Fields, here: Place) -> tuple[Allowed, ...]:
    """The hosts that may be asked: those that are named, and the issuer's own where it is not among them."""
    issuer = _text(reader, (*here, "issuer"))
    try:
        named = Permits.of(reader.texts((*here, "hosts"))).allowed
    except BadInput:
        sentence = "hosts must hold hosts such as keys.example, or login.bank.internal=10.0.0.0/8."
        raise reader.refuse((*here, "hosts"), sentence) from None
    parts = urlsplit(issuer)
    try:
        own = Permits.of([f"{parts.scheme}://{parts.netloc}"]).allowed[0]
    except BadInput:
        sentence = "issuer must be an address such as https://login.example."
        raise reader.refuse((*here, "issuer"), sentence) from None
    if any((one.scheme, one.host, one.port) == (own.scheme, own.host, own.port) for one in named):
        return named
    if own.scheme != "https":
        raise reader.refuse(
            (*here, "issuer"), "issuer must be https://, or stand in hosts as http://host:port."
        )
    return (own, *named)
