"""What is asked of a file that the service gave out, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from apps.engine.cosignature import Cosigner
from apps.engine.keys import KeySet

NOT_PINNED: Final = "NOT PINNED: the only keys are those inside the file, which anybody can put there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a file.

    Parameters
    ----------
    at : datetime
        The moment for which it is asked: later signatures and ended admissions are refused.
    keys : KeySet, optional
        The pinned keys; without them those inside the file serve, unpinned.
    artifact : str, optional
        The digest of the artifact at hand, which a statement must be about.
    environment : str, optional
        The environment that an admission must be for.
    signers : sequence of str
        Exactly who must have signed a report: common names or SHA-256 fingerprints of certificates.
    witnesses : sequence of Cosigner
        Who must have cosigned a checkpoint of a pack.
    into_reports : bool
        Whether the signatures inside the reports of a pack are looked at too.
    epoch : int, optional
        The newest revocation epoch that is known: answers of the deploy gate from before it are refused.
    threshold : int
        How many different keys must have signed a statement.
    logged : bool
        Whether an admission that allows must prove that its decision stands in the log.
    """

    at: datetime
    keys: KeySet | None = None
    artifact: str | None = None
    environment: str | None = None
    signers: Sequence[str] = ()
    witnesses: Sequence[Cosigner] = ()
    into_reports: bool = True
    epoch: int | None = None
    threshold: int = 1
    logged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A genuine file: its kind, what it says line by line, and whether that rests on pinned keys."""

    kind: str
    says: Sequence[tuple[str, str]]
    pinned: bool = True
    allowed: bool | None = None
    warnings: Sequence[str] = field(default=())
