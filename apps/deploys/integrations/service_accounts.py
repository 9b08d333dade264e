"""Which service account of a cluster asks, by the token that the cluster projects into a pod.

Such a token says its namespace, its service account and the pod that it was made for. It lives for an hour or
so and lies in a file, which a job reads again: it may come again until it ends, but none may live for a day.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from apps.access.issuers import Issuer, NotBelieved, issuer_with
from apps.deploys.integrations import reading
from apps.deploys.models import Integration

KIND = "cluster-oidc"
NAMED = re.compile(r"[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}")
LONGEST_S = 24 * 3600
_MOST = 20


def keys_of(text: str) -> list[dict[str, Any]]:
    """The public keys of a JWKS; ValueError where it is none, or where it holds anything secret."""
    found = json.loads(text)
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST:
        raise ValueError("no list of keys")
    if not all(isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and "d" not in key for key in keys):
        raise ValueError("a key that is no public one")
    return keys


def given_issuer(row: Integration) -> Issuer | None:
    """The issuer with the keys that the administrator gave; None where none were given."""
    held = reading.unlocked(row, "jwks")
    return issuer_with(row.settings["issuer"], keys_of(held[0].decode())) if held else None


def account_of(claims: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Namespace and name of the service account, and what else is worth noting; NotBelieved otherwise."""
    told = claims.get("kubernetes.io")
    place = told.get("namespace") if isinstance(told, Mapping) else None
    account, pod = _named(told, "serviceaccount"), _named(told, "pod")
    source = f"{place}/{account.get('name')}"
    if (
        not NAMED.fullmatch(source)
        or claims.get("sub") != f"system:serviceaccount:{source.replace('/', ':')}"
    ):
        raise NotBelieved("The token is not of a service account of a cluster.")
    if not pod.get("uid"):
        raise NotBelieved("The token was not made for a pod: mount one that the cluster projects.")
    if _lifetime(claims) > LONGEST_S:
        raise NotBelieved("The token lives for more than a day: mount one that the cluster projects.")
    shown = {"pod": pod.get("name"), "pod_uid": pod.get("uid"), "account_uid": account.get("uid")}
    return source, {name: value[:253] for name, value in shown.items() if isinstance(value, str)}


def _named(told: Any, what: str) -> Mapping[str, Any]:
    found = told.get(what) if isinstance(told, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _lifetime(claims: Mapping[str, Any]) -> float:
    """How long the token lives in all; its times were found to be numbers before."""
    return float(claims["exp"]) - float(claims["iat"])


def once(claims: Mapping[str, Any], raw: str) -> str:
    """What names the token: its id, or all of it where an older cluster gives none."""
    jti = claims.get("jti")
    return hashlib.sha256((jti if isinstance(jti, str) and jti else raw).encode()).hexdigest()
