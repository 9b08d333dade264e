"""The one writer of the tree: it gives waiting events their index and signs checkpoints.

Three walls keep it alone: an advisory lock of the session, the row lock on the tree's state, and the
primary key of the index. Leaves are committed before a checkpoint over them is signed, and each
checkpoint is on disk outside the database before the database learns of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from apps.audit import keyring
from apps.audit.anchors import Anchor, AnchorFile, epoch_of, first_origin
from apps.audit.epochs import Opening, opening_after
from apps.audit.errors import Refused
from apps.audit.models import Checkpoint, Leaf, SigningKey
from apps.audit.stopping import lift, marked, raise_alarm, stopped
from apps.audit.tree import STRIDE, stored_root
from apps.engine.errors import BadInput
from apps.engine.keys import Purpose, Signer
from apps.engine.merkle import CompactRange
from apps.engine.merkle import Node as Subtree
from apps.engine.note import Checkpoint as Head
from apps.engine.note import sign_checkpoint

BATCH = 2000
PUBLISH_EVERY = 0.25
POLL_EVERY = 0.03
_LOCK = 0x61756474  # "audt"

_STATE = "SELECT size, frontier FROM audit_treestate WHERE k = 1"
_STATE_LOCKED = f"{_STATE} FOR UPDATE"

_log = logging.getLogger("countersign.sequencer")


class LogRefused(Refused):
    """The log and what it signed before do not agree; nothing more is signed."""

    code = "log_refused"


class Disagrees(LogRefused):
    """What is there is not what was signed: the whole service only reads until that is mended."""


@dataclass(frozen=True, slots=True)
class Last:
    """Where the log stands by what was signed: its name, its newest size, and the note of it."""

    origin: str
    size: int
    note: bytes | None
    # Of a log that is just begun: the event that must be its first.
    first: UUID | None = None


def checkpoint_signer() -> Signer:
    """The service's key for checkpoints, which must be registered: the sequencer registers nothing."""
    signer = keyring.held(Purpose.CHECKPOINT)
    counts = signer and SigningKey.objects.filter(key_id=signer.key_id, ends=None).exists()
    if signer is None or not counts:
        raise LogRefused("There is no registered key for checkpoints; run `manage.py keys`.")
    return signer


@dataclass(slots=True)
class Sequencer:
    """One sequencer of one log."""

    anchors: AnchorFile
    adopt: bool = False
    _alone: bool = field(default=False, init=False)
    _published: float = field(default=float("-inf"), init=False)
    _dirty: bool = field(default=True, init=False)
    _last: Last | None = field(default=None, init=False)

    def run(self, stop: threading.Event) -> None:
        """Work until stopped; wait out another sequencer and a database that is away."""
        pause = POLL_EVERY
        while not stop.is_set():
            try:
                pause = self._turn()
            except (OperationalError, InterfaceError) as error:
                _log.warning("database away", extra={"error": str(error).strip().split("\n")[0]})
                self._forget()
                pause = min(max(pause, 0.1) * 2, 5.0)
            stop.wait(pause)
        self._finish()

    def drain(self) -> int:
        """Sequence all that waits, publish, and return how many events got their index."""
        if not self.alone():
            raise LogRefused("Another sequencer is at work.")
        done = 0
        while count := self.step():
            done += count
        self.publish()
        return done

    def _turn(self) -> float:
        if not self.alone():
            return 0.5
        count = self.step()
        if self._dirty and time.monotonic() - self._published >= PUBLISH_EVERY:
            self.publish()
        return 0 if count == BATCH else POLL_EVERY

    def _finish(self) -> None:
        """Leave nothing sequenced without a checkpoint."""
        try:
            if self._alone and self._dirty:
                self.publish()
        except (OperationalError, InterfaceError):
            _log.warning("stopped while the database was away")
        finally:
            self._forget()

    def _forget(self) -> None:
        self._alone = False
        connection.close()

    def alone(self) -> bool:
        """Take the lock of the session, and once it is taken compare the log with what it signed."""
        if not self._alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
                self._alone = bool(cursor.fetchone()[0])
            if self._alone:
                self._dirty = True
                checkpoint_signer()
                self.check()
                if stopped() is not None:
                    lift()
        return self._alone

    def check(self) -> Last:
        """Refuse unless the database continues exactly what the file outside it says was signed."""
        try:
            self._last = self._checked()
        except Disagrees as refused:
            raise_alarm(str(refused))
            raise
        return self._last

    def _checked(self) -> Last:
        if reason := marked():
            raise Disagrees(reason)
        last, newest = self.anchors.last(), _newest()
        if newest is not None and _rank(newest) > _rank(last):
            last = self._adopted(newest)
        if last is None:
            return Last(first_origin(), 0, None)
        if opening := opening_after(last):
            return _begun(opening)
        _agree(last, f"checkpoint in {self.anchors.path}")
        return Last(last.checkpoint.origin, last.checkpoint.size, last.note)

    def _adopted(self, newest: Anchor) -> Anchor:
        if not self.adopt:
            raise LogRefused(
                f"The database holds a checkpoint of {newest.checkpoint.size} events that "
                f"{self.anchors.path} lacks: this is not the file the log was written with. "
                "`manage.py sequence --adopt` takes over."
            )
        _agree(newest, "database's newest checkpoint")
        self.anchors.append(newest.note, timezone.now())
        return newest

    @transaction.atomic
    def step(self) -> int:
        """Give up to 2,000 waiting events their index."""
        size, tree = _state(lock=True)
        waiting = _waiting(BATCH, self._first_at(size))
        if not waiting:
            return 0
        hashes = [leaf for _, _, leaf in waiting]
        subtrees = [n for n in tree.extend(hashes, from_level=STRIDE) if n.level % STRIDE == 0]
        _store(size, waiting, subtrees, tree)
        self._dirty = True
        return len(waiting)

    @staticmethod
    def _alarm(reason: str) -> Disagrees:
        raise_alarm(reason)
        return Disagrees(reason)

    def _first_at(self, size: int) -> UUID | None:
        """The event that must come next: the one that opens a log, and none else."""
        begun = self._last
        return begun.first if begun is not None and begun.size == size else None

    def publish(self) -> Head | None:
        """Sign the tree as it is committed now; None when it is empty."""
        last = self.check()
        size, tree = _state()
        self._published, self._dirty = time.monotonic(), False
        if size == 0:
            return None
        if stored_root(size) != tree.root():
            raise self._alarm(
                f"The stored leaves do not give the root that {size} events had when they came."
            )
        head = Head(last.origin, size, tree.root())
        now = timezone.now()
        if last.note is not None and last.size == size:
            note = last.note
        else:
            note = sign_checkpoint(head, checkpoint_signer())
            self.anchors.append(note, now)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit_checkpoint (size, root, note, at) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT (size) DO NOTHING",
                [size, head.root, note, now],
            )
        return head


def _newest() -> Anchor | None:
    row = Checkpoint.objects.order_by("-size").first()
    return None if row is None else Anchor.of(bytes(row.note))


def _rank(anchor: Anchor | None) -> tuple[int, int]:
    said = anchor and anchor.checkpoint
    return (epoch_of(said.origin), said.size) if said else (0, 0)


def _agree(anchor: Anchor, what: str) -> None:
    size, _ = _state()
    said = anchor.checkpoint
    if said.size > size:
        raise Disagrees(
            f"The {what} covers {said.size} events, but the database holds {size}: events {size} to "
            f"{said.size - 1} are lost. Nothing is signed until a new log is begun."
        )
    if stored_root(said.size) != said.root:
        raise Disagrees(
            f"The {what} covers {said.size} events, and the database holds other ones under the same "
            "indexes. Nothing is signed."
        )


def _begun(opening: Opening) -> Last:
    """Where a log stands that two people began and that has signed nothing yet."""
    size, _ = _state()
    if size < opening.base or stored_root(opening.base).hex() != opening.base_root:
        raise Disagrees(
            f"The log {opening.origin} was begun on {opening.base} events that the database does not hold."
        )
    leaf = Leaf.objects.filter(idx=opening.base).first()
    if leaf is not None and leaf.event_id != opening.event_id:
        raise Disagrees(f"The first event of {opening.origin} is not the one that opened it.")
    return Last(opening.origin, opening.base, None, None if leaf else opening.event_id)


def _state(*, lock: bool = False) -> tuple[int, CompactRange]:
    with connection.cursor() as cursor:
        cursor.execute(_STATE_LOCKED if lock else _STATE)
        row = cursor.fetchone()
    if row is None:
        raise LogRefused("The row that says how far the log has grown is missing.")
    try:
        return row[0], CompactRange.from_bytes(row[0], bytes(row[1]))
    except BadInput as error:
        raise Disagrees(f"The row that says how far the log has grown was changed: {error}") from error


Waiting = tuple[int, UUID, bytes]


def _waiting(limit: int, first: UUID | None) -> list[Waiting]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.enq, p.event_id, e.leaf_hash FROM audit_pending p "
            "JOIN audit_event e ON e.id = p.event_id ORDER BY p.enq LIMIT %s"
            if first is None
            else "SELECT p.enq, p.event_id, e.leaf_hash FROM audit_pending p "
            "JOIN audit_event e ON e.id = p.event_id WHERE p.event_id = %s",
            [limit if first is None else first],
        )
        found = [(enq, event, bytes(leaf)) for enq, event, leaf in cursor.fetchall()]
    if first is not None and not found:
        raise LogRefused(f"The event {first}, which opens the log, is not in the database.")
    return found


def _store(size: int, waiting: Sequence[Waiting], subtrees: Sequence[Subtree], tree: CompactRange) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("COPY audit_leaf (idx, event_id, leaf_hash) FROM STDIN") as copy:
            for idx, (_, event, leaf) in enumerate(waiting, size):
                copy.write_row((idx, event, leaf))
        for node in subtrees:
            cursor.execute(
                "INSERT INTO audit_node (level, idx, hash) VALUES (%s, %s, %s)",
                [node.level, node.index, node.hash],
            )
        cursor.execute("DELETE FROM audit_pending WHERE enq = ANY(%s)", [[enq for enq, _, _ in waiting]])
        cursor.execute(
            "UPDATE audit_treestate SET size = %s, frontier = %s WHERE k = 1", [tree.size, tree.to_bytes()]
        )
