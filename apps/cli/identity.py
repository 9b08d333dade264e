"""The identity that a pipeline's platform signs: a new token for each request, stored nowhere."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import quote, urlsplit

from apps.cli.errors import Unreachable

ID_TOKEN = "COUNTERSIGN_ID_TOKEN"  # noqa: S105 - the name of a variable, which GitLab CI fills
ASK_URL, ASK_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_LARGEST = 64 * 1024


def given() -> str:
    """The token that the platform put into the environment."""
    return os.environ.get(ID_TOKEN, "").strip()


def offered() -> bool:
    """Whether this is a job of GitHub Actions that may ask for tokens."""
    parts = urlsplit(os.environ.get(ASK_URL, ""))
    return bool(os.environ.get(ASK_TOKEN)) and parts.scheme in ("http", "https") and bool(parts.hostname)


def asked_for(audience: str) -> str:
    """A new token for that audience; Unreachable where the platform gives none."""
    url = f"{os.environ[ASK_URL]}&audience={quote(audience, safe='')}"
    headers = {"Authorization": f"bearer {os.environ[ASK_TOKEN]}", "Accept": "application/json"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme was looked at
    try:
        with urllib.request.build_opener(_Stays()).open(request, timeout=20) as response:
            found = json.loads(response.read(_LARGEST)).get("value")
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise Unreachable(f"GitHub Actions gave no identity token: {reason}.") from None
    if not isinstance(found, str) or not found.isascii() or not found.isprintable() or " " in found:
        raise Unreachable("GitHub Actions gave no identity token.")
    return found


class _Stays(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the job's own token elsewhere; it is an error."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None
