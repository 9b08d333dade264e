"""How long, how often, how many: the numbers that leases, retries and hints go by."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

MAX_ATTEMPTS = 3
MAX_LOST = 10
QUARANTINE_AFTER = 2
LONGEST_WAIT = timedelta(minutes=5)
# How long a run rests whose budget is used up, before somebody looks again.
BUDGET_REST = timedelta(seconds=30)
FIRST_HINT = timedelta(seconds=5)
# A lane in which a run was begun so lately has workers.
WORKER_SEEN = timedelta(minutes=10)
# A worker says that it is here so often; without a word for so long it is taken to be gone, then forgotten.
SAYS_SO_S = 15.0
GONE = timedelta(seconds=60)
FORGET = timedelta(days=1)
# A grown wait of 5 s · 2⁶ passes the longest one; more doubling would only overflow.
MOST_DOUBLINGS = 6


def lease() -> timedelta:
    return timedelta(seconds=settings.RUN_LEASE_SECONDS)


def after_failure(attempt: int) -> timedelta:
    """How long a run rests after its own failure: 2, 4, 8 … seconds."""
    return min(timedelta(seconds=2 ** min(attempt, 10)), LONGEST_WAIT)


def after_loss(lost: int) -> timedelta:
    """How long a run rests after its worker was lost: not at all the first time."""
    return timedelta(0) if lost <= 1 else after_failure(lost)


def between_hints(hints: int) -> timedelta:
    """How old the last message must be before another is sent; grows, so that a long queue stays quiet."""
    doublings: int = min(max(hints - 1, 0), MOST_DOUBLINGS)
    return min(FIRST_HINT * (1 << doublings), LONGEST_WAIT)
