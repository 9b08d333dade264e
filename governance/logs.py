"""Structured logs: one JSON object a line, with the ids of the request and of the run that it belongs to."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings

from apps.audit.tracing import run_id

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What looks like a secret never reaches the log, wherever it came from.
_TOKEN = re.compile(r"cs_[A-Za-z0-9_-]{20,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{6,}")
_NAMED = re.compile(
    r"(?i)((?:password|passwd|secret|api[_-]?key|token|pin)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]{3,}"
)
_IN_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s@/]+@")
_BLANK = re.compile(r"\s")
_EXTRA = ("request_method", "request_path", "status", "milliseconds", "person", "run", "queue")
_SHORTEST = 8  # a shorter value would blot out ordinary words


class JsonFormatter(logging.Formatter):
    """Writes the named extras only: a request's headers and bodies never reach the log.

    Everything that is not ASCII is escaped: no line break, colour or direction of somebody's making.
    """

    _known: tuple[str, ...] | None = None

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        if request_id.get():
            entry["request_id"] = request_id.get()
        if run_id.get():
            entry["run"] = run_id.get()
        entry |= {key: self._told(getattr(record, key)) for key in _EXTRA if hasattr(record, key)}
        if record.exc_info:
            entry["traceback"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(entry, default=lambda value: self._clean(str(value)))

    def _told(self, value: object) -> object:
        return self._clean(value) if isinstance(value, str) else value

    def _clean(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "…")
        # Each pattern is looked for only where a sign stands that it cannot be without; most lines have none.
        if "cs_" in text:
            text = _TOKEN.sub("cs_…", text)
        if _BLANK.search(text):
            text = _BEARER.sub(r"\1\2…", text)
        if "@" in text:
            text = _IN_ADDRESS.sub(r"\1…@", text)
        return _NAMED.sub(r"\1…", text) if "=" in text or ":" in text else text

    def _secrets(self) -> tuple[str, ...]:
        if self._known is None and settings.configured:
            type(self)._known = tuple(found for found in _of_settings() if len(found) >= _SHORTEST)
        return self._known or ()


def _of_settings() -> list[str]:
    """The secrets that the settings themselves hold."""
    broker = urlsplit(str(getattr(settings, "CELERY_BROKER_URL", ""))).password or ""
    databases = [str(base.get("PASSWORD") or "") for base in settings.DATABASES.values()]
    return [str(settings.SECRET_KEY), broker, *databases]
