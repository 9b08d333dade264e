"""How often somebody may try to sign in.

An account is slowed where it fails from one address, and an address where it fails for many accounts.
Many failures from many addresses slow an account only for addresses that never signed in to it: an
enemy cannot lock people out of the places they work from.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.access.models import SignInAttempt
from apps.audit.errors import Refused

WINDOW = timedelta(minutes=15)
KNOWN_FOR = timedelta(days=90)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 50
PER_ACCOUNT_ELSEWHERE = 100


class Throttled(Refused):
    """Too many tries; `seconds` says how long to wait."""

    code = "throttled"

    def __init__(self, seconds: int) -> None:
        minutes = max(1, round(seconds / 60))
        told = "a minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(f"Too many attempts. Please wait {told} and try again.")
        self.seconds = seconds


def account_of(username: str) -> str:
    """What stands for a typed name: a digest, because people type passwords into the wrong box."""
    return hashlib.sha256(
        unicodedata.normalize("NFKC", username).casefold().encode(errors="surrogatepass")
    ).hexdigest()


def failures(**where: str) -> QuerySet[SignInAttempt]:
    """Failed tries of the last minutes."""
    return SignInAttempt.objects.filter(succeeded=False, at__gt=Now() - WINDOW, **where)


def refuse_flood(*, account: str, address: str) -> None:
    """Throttled when this try, already written down, is one too many."""
    if failures(account=account, address=address).count() > PER_ACCOUNT_AND_ADDRESS:
        raise Throttled(int(WINDOW.total_seconds()))
    if failures(address=address).count() > PER_ADDRESS:
        raise Throttled(int(WINDOW.total_seconds()))
    if failures(account=account).count() > PER_ACCOUNT_ELSEWHERE and not known(account, address):
        raise Throttled(int(WINDOW.total_seconds()))


def known(account: str, address: str) -> bool:
    """Whether the account was signed in to from this address lately."""
    rows = SignInAttempt.objects.filter(account=account, address=address, succeeded=True)
    return rows.filter(at__gt=Now() - KNOWN_FOR).exists()
