"""What is owed to the outside: which place gets a checkpoint, and how often."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from apps.audit import queries, timestamps
from apps.audit.anchoring import store
from apps.audit.anchoring.bucket import Bucket
from apps.audit.anchoring.copies import Folder, Git, Place
from apps.audit.anchoring.store import Head
from apps.audit.anchoring.witnesses import Conflict, Forked, Unreachable, Witness, ask, configured
from apps.audit.models import AnchorPlace

# A witness states a time: where nothing new happened it is asked again after this many seconds.
REFRESH = 60
RETRY = 30
ADMISSION = "https://slsa.dev/verification_summary/v1"
_MOST_STAMPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One place: `do` brings the newest checkpoint there and gives back a proof, if there is one."""

    name: str
    kind: str
    every: float
    do: Callable[[Head, AnchorPlace], str]
    # Of a checkpoint that it has already, a place wants nothing before this many seconds.
    refresh: float

    @property
    def late_after(self) -> float:
        return max(self.every, self.refresh) + 2 * REFRESH

    def due(self, head: Head, row: AnchorPlace) -> bool:
        now = timezone.now()
        failing = row.failed_at and (row.succeeded_at is None or row.failed_at > row.succeeded_at)
        if failing and row.failed_at and now - row.failed_at < timedelta(seconds=min(RETRY, self.every)):
            return False
        if row.succeeded_at is None:
            return True
        known = (row.origin, row.size) == (head.origin, head.size)
        return now - row.succeeded_at >= timedelta(seconds=self.refresh if known else self.every)


def wanted() -> list[Duty]:
    """Everything that the settings ask for."""
    found = [_witnessed(witness) for witness in configured()]
    if timestamps.authority() is not None:
        every = settings.STAMP_EVERY_SECONDS
        found.append(Duty(name="time stamp", kind="timestamp", every=every, refresh=every, do=_stamp))
        if settings.STAMP_ADMISSIONS:
            found.append(
                Duty(name="admission stamps", kind="timestamp", every=1, refresh=1, do=_stamp_admissions)
            )
    return found + [_copied(name, kind, place) for name, kind, place in _places()]


def _places() -> list[tuple[str, str, Place]]:
    found: list[tuple[str, str, Place]] = []
    if settings.ANCHOR_GIT:
        found.append(("git", "git", Git(settings.ANCHOR_GIT, Path(settings.STATE) / "anchor-git")))
    if settings.ANCHOR_FOLDER is not None:
        found.append(("folder", "folder", Folder(settings.ANCHOR_FOLDER)))
    if settings.ANCHOR_BUCKET is not None:
        found.append(("bucket", "bucket", Bucket(**settings.ANCHOR_BUCKET)))
    return found


def _copied(name: str, kind: str, place: Place) -> Duty:
    def do(head: Head, row: AnchorPlace) -> str:
        place.put(head)
        return ""

    every = settings.ANCHOR_COPY_SECONDS
    return Duty(name=name, kind=kind, every=every, refresh=every, do=do)


def _witnessed(witness: Witness) -> Duty:
    def do(head: Head, row: AnchorPlace) -> str:
        return vouch(witness, head, seen=(row.size or 0) if row.origin == head.origin else 0)

    every = settings.WITNESS_EVERY_SECONDS
    return Duty(name=witness.name, kind="witness", every=every, refresh=REFRESH, do=do)


def vouch(witness: Witness, head: Head, *, seen: int) -> str:
    """The witness's signature line over the head; Forked where it saw what the log no longer holds."""
    old = min(seen, head.size)
    for _ in range(3):
        proof = queries.consistency(old, head.size)
        try:
            found = ask(witness, head.note, old=old, proof=proof)
        except Conflict as told:
            old = _agreed(witness, head, told.size, asked=old)
            continue
        store.keep_cosignature(head, witness.name, found.line, found.at)
        return found.line
    raise Unreachable(f"The witness {witness.name} says each time that it saw another size of this log.")


def _agreed(witness: Witness, head: Head, size: int, *, asked: int) -> int:
    """From which size to show the witness that the log goes on; Forked where that cannot be shown."""
    if size > head.size:
        raise Forked(
            f"The witness {witness.name} saw {size} events of the log {head.origin}, which now holds "
            f"{head.size}: events {head.size} to {size - 1} are lost."
        )
    if size == asked:
        raise Forked(
            f"The witness {witness.name} saw another root than ours for {size} events of {head.origin}."
        )
    return size


def _stamp(head: Head, row: AnchorPlace) -> str:
    digest = hashlib.sha256(head.note).digest()
    token = timestamps.stamp(digest)
    about = f"checkpoint {head.size} of {head.origin}"
    store.keep_stamp(f"sha256:{digest.hex()}", about, token, timestamps.verify(token, digest))
    return ""


def _stamp_admissions(head: Head, row: AnchorPlace) -> str:
    since = timezone.now() - timedelta(days=1)
    for digest in store.unstamped(ADMISSION, since, _MOST_STAMPS):
        raw = bytes.fromhex(digest.removeprefix("sha256:"))
        token = timestamps.stamp(raw)
        store.keep_stamp(digest, "admission", token, timestamps.verify(token, raw))
    return ""
