"""Requests signed as AWS wants them (Signature, version 4), for services that take JSON at one address."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from apps.deploys.integrations.sending import NotTold

_PLAIN = re.compile(r"[\x21-\x7e]{1,8192}")
_USUAL = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """As whom, where and for which service requests are signed."""

    key_id: str
    secret: str
    region: str
    service: str
    # Of temporary credentials; empty for a key that holds for long.
    session: str = ""

    def signed(self, url: str, raw: bytes, headers: Mapping[str, str], at: datetime) -> dict[str, str]:
        """The headers of a POST to the root of an address, with what proves who sends it."""
        moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        told = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        session = {"X-Amz-Security-Token": self.session} if self.session else {}
        told |= {"host": _host(url), "x-amz-date": moment}
        told |= {name.lower(): value for name, value in session.items()}
        names = ";".join(sorted(told))
        lines = "".join(f"{name}:{told[name]}\n" for name in sorted(told))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(raw).hexdigest()}"
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        proof = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={self._signature(moment[:8], text)}"
        )
        return {**headers, **session, "X-Amz-Date": moment, "Authorization": proof}

    def _signature(self, day: str, text: str) -> str:
        key = b"AWS4" + self.secret.encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Temporary credentials, as `aws sts assume-role` and `aws configure export-credentials` print them."""

    key_id: str
    secret: str
    token: str
    ends: datetime

    @classmethod
    def of(cls, text: str) -> Session:
        """Read from JSON, bare or under Credentials; NotTold names what is missing, never what is there."""
        try:
            found = json.loads(text)
            found = found.get("Credentials", found)
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
            values = [found[name] for name in names]
            ends = datetime.fromisoformat(values.pop())
        except KeyError as absent:
            raise NotTold(f"The temporary credentials hold no {absent.args[0]}.") from None
        except (ValueError, TypeError, AttributeError):
            raise NotTold("The temporary credentials are not the JSON that AWS prints.") from None
        if ends.tzinfo is None or not all(isinstance(one, str) and _PLAIN.fullmatch(one) for one in values):
            raise NotTold("The temporary credentials are not the JSON that AWS prints.")
        return cls(key_id=values[0], secret=values[1], token=values[2], ends=ends)

    def held(self, now: datetime) -> Session:
        """The same while they hold; there is no falling back to another key."""
        if now >= self.ends:
            raise NotTold(
                f"The temporary credentials ended at {self.ends:%Y-%m-%d %H:%M:%S} UTC; give new ones."
            )
        return self


def _host(url: str) -> str:
    """The host as the request names it: with its port only where that is not the usual one."""
    parts = urlsplit(url)
    usual = parts.port in (None, _USUAL.get(parts.scheme))
    return (parts.hostname or "") if usual else f"{parts.hostname}:{parts.port}"
