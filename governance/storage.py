"""Where uploaded bytes are kept: a folder, or a bucket of an S3-compatible object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from governance.env import Environment, EnvironmentRefused

NAME = "COUNTERSIGN_STORE"


def store_named(env: Environment) -> dict[str, Any]:
    """The settings of the store; nothing where it is the folder below the state folder."""
    raw = env.text(NAME)
    parts = urlsplit(raw)
    if not raw:
        return {}
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return {"root": Path(unquote(parts.path))}
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise EnvironmentRefused(f"{NAME} is {raw!r}; expected file:///folder or s3://bucket/prefix.")
    return _bucket(env, parts.netloc, unquote(parts.path).strip("/"))


def _bucket(env: Environment, name: str, prefix: str) -> dict[str, Any]:
    """A bucket; as its writer where there is a writer's key, as its reader where there is a reader's."""
    place = _place(env) | {"name": name, "prefix": prefix}
    writer, reader = _identity(env, f"{NAME}_"), _identity(env, f"{NAME}_READER_")
    return {
        # A process that was given a reader's key alone cannot write; one that was given none at all acts as
        # its host does.
        "writer": place | writer if writer or not reader else None,
        "reader": place | (reader or writer),
        "cache": env.folder(f"{NAME}_CACHE", Path("/")) if env.text(f"{NAME}_CACHE") else None,
        "cache_bytes": env.whole(f"{NAME}_CACHE_BYTES", 20 << 30, least=1),
    }


def _place(env: Environment) -> dict[str, Any]:
    named = env.text(f"{NAME}_ENDPOINT")
    endpoint = env.url(f"{NAME}_ENDPOINT", "", schemes=("https", "http")) if named else ""
    return {
        "endpoint": endpoint,
        "region": env.text(f"{NAME}_REGION", "us-east-1"),
        "path_style": env.flag(f"{NAME}_PATH_STYLE", default=bool(endpoint)),
        "timeout_s": env.whole(f"{NAME}_TIMEOUT_SECONDS", 30, least=1),
        "authority": env.text(f"{NAME}_CA_FILE"),
    }


def _identity(env: Environment, prefix: str) -> dict[str, str]:
    key, secret = env.text(f"{prefix}KEY_ID"), env.text(f"{prefix}SECRET")
    if place := env.text(f"{prefix}SECRET_FILE"):
        try:
            secret = Path(place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise EnvironmentRefused(f"{prefix}SECRET_FILE {place} cannot be read: {reason}.") from error
    if bool(key) != bool(secret):
        raise EnvironmentRefused(f"{prefix}KEY_ID and {prefix}SECRET_FILE belong together; one is missing.")
    return {"key_id": key, "secret": secret} if key else {}
