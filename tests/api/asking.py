"""Asking the API as somebody."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponseBase
from django.test import Client

BASE = "/api/v1"


class Asker:
    """One token, or nobody; answers as they come."""

    def __init__(self, token: str = "", client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **headers: str) -> HttpResponseBase:
        return self.client.get(BASE + path, headers={**self.headers, **headers})

    def head(self, path: str) -> HttpResponseBase:
        return self.client.head(BASE + path, headers=self.headers)

    def post(self, path: str, body: Any = None, *, key: str = "", **headers: str) -> HttpResponseBase:
        told = {**self.headers, **headers, **({"Idempotency-Key": key} if key else {})}
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return self.client.post(BASE + path, raw, content_type="application/json", headers=told)

    def put(self, path: str, data: bytes, **extra: Any) -> HttpResponseBase:
        return self.client.put(
            BASE + path, data, content_type="application/octet-stream", headers=self.headers, **extra
        )
