"""Structured logs: one JSON object a line, with the id of the request that it belongs to."""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What looks like a token never reaches the log, wherever it came from.
_SECRET = re.compile(r"cs_[A-Za-z0-9_-]{20,}")
_EXTRA = ("request_method", "request_path", "status", "milliseconds", "person", "run", "queue")


class JsonFormatter(logging.Formatter):
    """Writes the named extras only: a request's headers and bodies never reach the log."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            entry["request_id"] = request_id.get()
        entry |= {key: getattr(record, key) for key in _EXTRA if hasattr(record, key)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return _SECRET.sub("cs_…", json.dumps(entry, ensure_ascii=False, default=str))
