"""The bucket of an object storage that copies of checkpoints go to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from governance.env import Environment, EnvironmentRefused

NAME = "COUNTERSIGN_ANCHOR_BUCKET"


def bucket_named(env: Environment) -> dict[str, Any] | None:
    """What the settings say of the bucket; None where there is none."""
    raw = env.text(NAME)
    if not raw:
        return None
    parts = urlsplit(raw)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise EnvironmentRefused(f"{NAME} is {raw!r}; expected s3://bucket/prefix.")
    key, secret = env.text(f"{NAME}_KEY_ID"), env.text(f"{NAME}_SECRET_FILE")
    if not key or not secret:
        raise EnvironmentRefused(f"{NAME} needs {NAME}_KEY_ID and {NAME}_SECRET_FILE.")
    named = env.text(f"{NAME}_ENDPOINT")
    mode = env.text(f"{NAME}_MODE", "compliance")
    if mode not in ("compliance", "governance"):
        raise EnvironmentRefused(f"{NAME}_MODE is {mode!r}; expected compliance or governance.")
    return {
        "name": parts.netloc,
        "prefix": unquote(parts.path).strip("/"),
        "endpoint": env.url(f"{NAME}_ENDPOINT", "", schemes=("https", "http")) if named else "",
        "region": env.text(f"{NAME}_REGION", "us-east-1"),
        "key_id": key,
        "secret_file": Path(secret),
        "mode": mode.upper(),
        "days": env.whole(f"{NAME}_DAYS", 3650, least=1),
    }
