"""That the decision under an answer stands in the log, as text that a cluster can verify without the service.

A proof holds for ever, so the one that was made last is kept a while: many answers rest on one decision.
"""

from __future__ import annotations

import time
from threading import Lock

from apps.audit.queries import inclusion, statement

KEPT_S = 600.0
MOST = 1024
_kept: dict[str, tuple[float, str]] = {}
_lock = Lock()


def log_of(decision: str) -> dict[str, str] | None:
    """What an answer tells of the log; None while the decision's event waits for its place there."""
    now = time.monotonic()
    with _lock:
        at, text = _kept.get(decision, (0.0, ""))
    if not text or now - at > KEPT_S:
        proof = inclusion(statement(decision).event_id)
        if proof is None:
            return None
        text = proof.to_bytes().decode()
        with _lock:
            if len(_kept) >= MOST:
                _kept.clear()
            _kept[decision] = now, text
    return {"statement": decision, "proof": text}
