"""Requests signed as AWS wants them (Signature, version 4), for services that take JSON at one address."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

_USUAL = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """As whom, where and for which service requests are signed."""

    key_id: str
    secret: str
    region: str
    service: str

    def signed(self, url: str, raw: bytes, headers: Mapping[str, str], at: datetime) -> dict[str, str]:
        """The headers of a POST to the root of an address, with what proves who sends it."""
        moment = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        told = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        told |= {"host": _host(url), "x-amz-date": moment}
        names = ";".join(sorted(told))
        lines = "".join(f"{name}:{told[name]}\n" for name in sorted(told))
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(raw).hexdigest()}"
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        proof = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={names}, "
            f"Signature={self._signature(moment[:8], text)}"
        )
        return {**headers, "X-Amz-Date": moment, "Authorization": proof}

    def _signature(self, day: str, text: str) -> str:
        key = b"AWS4" + self.secret.encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _host(url: str) -> str:
    """The host as the request names it: with its port only where that is not the usual one."""
    parts = urlsplit(url)
    usual = parts.port in (None, _USUAL.get(parts.scheme))
    return (parts.hostname or "") if usual else f"{parts.hostname}:{parts.port}"
