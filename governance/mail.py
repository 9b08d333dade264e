"""The mail server for letters to people, as one address says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from governance.env import Environment, EnvironmentRefused

SMTP, PASSWORD_FILE = "COUNTERSIGN_SMTP", "COUNTERSIGN_SMTP_PASSWORD_FILE"
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


@dataclass(frozen=True, slots=True)
class Mail:
    """Where letters are handed over; false where nowhere."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    ssl: bool = False
    starttls: bool = False

    def __bool__(self) -> bool:
        return bool(self.host)


def mail_named(environment: Environment) -> Mail:
    """The mail server that the environment names; without encryption only where it says smtp+plain."""
    raw = environment.text(SMTP)
    if not raw:
        return Mail()
    parts = urlsplit(raw)
    if parts.scheme not in _PORTS or not parts.hostname or parts.password:
        raise EnvironmentRefused(
            f"{SMTP} is no address of a mail server; expected smtp://user@host:587 or smtps://user@host:465, "
            f"with the password in the file that {PASSWORD_FILE} names."
        )
    return Mail(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=_password(environment),
        ssl=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp",
    )


def _password(environment: Environment) -> str:
    named = environment.text(PASSWORD_FILE)
    if not named:
        return ""
    try:
        return Path(named).read_text().strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise EnvironmentRefused(f"{PASSWORD_FILE} names a file that cannot be read.") from problem
