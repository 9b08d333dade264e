"""The trusted end of the way out: takes requests that are ready, asks the service, gives its bytes back.

It runs beside a measuring child, in a thread of the process that has the network. What it is handed and what
it is answered it does not read: whoever wrote the one and reads the other has neither a key nor the network.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from apps.engine.apart.relay import LARGEST, Pipe
from apps.engine.errors import BadInput, Problem
from apps.engine.manifest_endpoint import Endpoint
from apps.outside.asking import Answer, Away, post, resolved
from apps.outside.permits import Permits
from apps.outside.transcript import Recorded, Transcript

PAUSES = (0.5, 1.0, 2.0, 4.0)
LONGEST_PAUSE = 60.0
_BUSY = frozenset({429, 502, 503, 504})
_TYPES = {"json": "application/json", "arrow": "application/vnd.apache.arrow.stream"}
_PATIENCE_S = 5.0


class Service:
    """The way out to one endpoint, open while it is entered.

    Parameters
    ----------
    permits : Permits
        What may be asked. That it may, and that its secret is there, is checked at once.
    recorded : Recorded, optional
        Answers of an earlier measuring, given instead of asking.

    Attributes
    ----------
    away : str
        Why the service could not be asked, where it could not.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        permits: Permits,
        *,
        keep: bool = True,
        recorded: Recorded | None = None,
        resolve: Callable[[str, int], Any] = resolved,
    ) -> None:
        self.endpoint, self.away = endpoint, ""
        self.transcript = Transcript(endpoint.url, keep=keep)
        self._recorded, self._resolve = recorded, resolve
        self._stop = threading.Event()
        if recorded is None:
            self._allowed, self._secret = permits.for_endpoint(endpoint), permits.secret(endpoint)

    def __enter__(self) -> Self:
        to_us, from_them = os.pipe()
        to_them, from_us = os.pipe()
        self.descriptors, self._ours = (to_them, from_them), (to_us, from_us)
        self._thread = threading.Thread(target=self._serve, args=(Pipe(to_us, from_us),), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self._thread.join(self.endpoint.seconds + _PATIENCE_S)
        if not self._thread.is_alive():
            for descriptor in self._ours:
                os.close(descriptor)

    def _serve(self, pipe: Pipe) -> None:
        """Answer until nobody asks; whoever asks nonsense is not answered any more."""
        with contextlib.suppress(OSError, BadInput):
            while (asked := pipe.receive(LARGEST)) is not None:
                head, body = asked
                if head.get("do") == "note":
                    self._note(head)
                elif head.get("do") == "post":
                    pipe.send(*self._told(head, body))
                else:
                    return

    def _told(self, head: Mapping[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return {}, self._answered(body, _most(head))
        except Away as problem:
            self.away = str(problem)
            return {"error": str(problem)}, b""
        except Problem as problem:
            return {"error": str(problem)}, b""

    def _answered(self, body: bytes, most: int) -> bytes:
        found = self._asked(body, most) if self._recorded is None else self._recorded.answer(body)
        self.transcript.add(body, found)
        return found

    def _asked(self, body: bytes, most: int) -> bytes:
        """The answer of the service, asked again where it is away or busy."""
        for pause in (*PAUSES, None):
            try:
                return self._once(body, most)
            except Away as problem:
                wait = _wait(problem, pause)
                if wait is None or self._stop.wait(wait):
                    raise
                self.transcript.retries += 1
        raise Away(f"{self.endpoint.host} gave no answer.")

    def _once(self, body: bytes, most: int) -> bytes:
        answer = post(
            self.endpoint.url,
            body,
            self._headers(),
            allowed=self._allowed,
            most=most,
            seconds=self.endpoint.seconds,
            resolve=self._resolve,
        )
        host = self.endpoint.host
        if answer.status in _BUSY:
            raise Away(f"{host} answered {answer.status}.", after=_after(answer))
        if answer.status != 200:
            moved = ", which would lead elsewhere and is not followed" if 300 <= answer.status < 400 else ""
            raise BadInput(f"The endpoint {host} answered {answer.status}{moved}; 200 was expected.")
        return answer.body

    def _headers(self) -> dict[str, str]:
        kind = _TYPES[self.endpoint.form]
        told = {"Content-Type": kind, "Accept": kind, "User-Agent": "countersign"}
        return told | ({"Authorization": f"Bearer {self._secret}"} if self._secret else {})

    def _note(self, head: Mapping[str, Any]) -> None:
        """Keep what the asking side says of the answers: numbers and a name, nothing longer."""
        gap, rows, called = head.get("largest_difference"), head.get("rows"), head.get("model")
        if isinstance(gap, float) and math.isfinite(gap) and isinstance(rows, int):
            self.transcript.notes["asked_twice"] = {"rows": rows, "largest_difference": gap}
        if isinstance(called, str) and called and len(called) <= 200 and called.isprintable():
            self.transcript.notes["model"] = called


def _most(head: Mapping[str, Any]) -> int:
    most = head.get("most")
    if not isinstance(most, int) or isinstance(most, bool) or not 0 < most <= LARGEST:
        raise BadInput("The request does not say how large its answer may be.")
    return most


def _after(answer: Answer) -> float | None:
    """The seconds of Retry-After; a date is as good as none."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _wait(problem: Away, pause: float | None) -> float | None:
    """How long to wait before asking again; None where it is not asked again."""
    if pause is None or (problem.after or 0) > LONGEST_PAUSE:
        return None
    return max(problem.after or 0.0, pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, hides nothing
