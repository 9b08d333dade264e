"""Time stamps in tests: an authority in memory, at any time, as pyHanko asks for them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from asn1crypto import tsp
from pyhanko.sign.timestamps import TimeStamper

from apps.audit.authority import Stamper


class Stamping(TimeStamper):
    """Stamps at a fixed time, else now."""

    def __init__(self, stamper: Stamper, at: datetime | None = None) -> None:
        super().__init__()
        self._stamper, self._at = stamper, at

    async def async_request_tsa_response(self, req: Any) -> Any:
        answer = self._stamper.answer(req.dump(), at=self._at or datetime.now(UTC))
        return tsp.TimeStampResp.load(answer)
