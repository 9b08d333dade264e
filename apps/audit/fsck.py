"""Does the log hold what it once held? Everything is computed again from the bodies.

Each function yields sentences, the gravest matters of the tree first; none of them trusts a column
that it can recompute. What only the file outside the database can show is compared with that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from apps.audit import fsck_outside, queries
from apps.audit.anchors import Anchor, AnchorFile, epoch_of
from apps.audit.commands.recording import personal_digest
from apps.audit.digests import Kept, compare
from apps.audit.epoch_check import Epochs
from apps.audit.errors import Refused
from apps.audit.models import Event, Node, Statement
from apps.audit.tree import STRIDE
from apps.engine.canonical import canonical, digest, read_json, rfc3339
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from apps.engine.note import open_checkpoint
from apps.engine.statement import verify

_ROWS = 5_000
_EVENTS = """
SELECT e.id, e.body, e.doc::text,
  ARRAY[e.action, e.actor_type, e.actor_id, e.object_type, e.object_id,
        to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')],
  EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id),
  EXISTS (SELECT FROM audit_pending p WHERE p.event_id = e.id)
FROM audit_event e ORDER BY e.occurred_at, e.id
"""
_PERSONAL = """
SELECT p.event_id, p.part, p.salt, p.value, e.body
FROM audit_personal p JOIN audit_event e ON e.id = p.event_id
"""
_UNSEALED = """
SELECT e.id, e.doc#>>'{after,statement}' FROM audit_event e
WHERE e.doc#>'{after,statement}' IS NOT NULL
  AND NOT EXISTS (SELECT FROM audit_statement s WHERE s.digest = e.doc#>>'{after,statement}')
"""


# Columns in which rows of any app name a statement.
NAMING = frozenset({"statement_digest", "decision_digest", "evidence_digest"})


@dataclass(slots=True)
class Account:
    """What was looked at; a check that looked at nothing says so."""

    events: int = 0
    leaves: int = 0
    pending: int = 0
    checkpoints: int = 0
    anchors: int = 0
    statements: int = 0
    problems: list[str] = field(default_factory=list)
    # What two people declared lost when they began a new log: told every time, and no fault.
    declared: list[str] = field(default_factory=list)
    # What could not be judged here, or is worth knowing: told every time, and no fault.
    unjudged: list[str] = field(default_factory=list)


def examine(anchors: AnchorFile, digests: Sequence[Kept] = ()) -> Account:
    """Look at everything; `problems` holds a sentence for each thing that is wrong, gravest first.

    `digests` are the files that the service wrote after each commit, as long as they were before this began.
    """
    account = Account()
    keys = queries.keys()
    promised = _Promises.read(anchors, keys, account)
    account.problems += promised.faults
    account.problems += _tree(promised, account)
    account.problems += _outside_the_tree(account)
    for kept in digests:
        account.problems += _removed(kept, promised.epochs, account)
    account.problems += _statements(keys, account)
    account.problems += _personal()
    account.problems += _references()
    account.problems += fsck_outside.keys()
    account.problems += fsck_outside.cosignatures(account.unjudged)
    account.problems += fsck_outside.stamps(account.unjudged)
    account.problems += fsck_outside.order(account.unjudged)
    return account


# --- What was promised: checkpoints ---------------------------------------------------------------------


@dataclass(slots=True)
class _Promises:
    """The root that each size was signed with, and by whom we know."""

    roots: dict[int, list[tuple[bytes, str]]]
    faults: list[str]
    epochs: Epochs

    @classmethod
    def read(cls, anchors: AnchorFile, keys: KeySet, account: Account) -> _Promises:
        found = cls({}, [], Epochs.read())
        found.faults += found.epochs.faults
        account.declared += found.epochs.declared()
        account.anchors = found._outside(anchors, keys)
        account.checkpoints = found._inside(keys)
        return found

    def _outside(self, anchors: AnchorFile, keys: KeySet) -> int:
        count, before = 0, (0, -1)
        try:
            for anchor in anchors:
                count += 1
                place = epoch_of(anchor.checkpoint.origin), anchor.checkpoint.size
                if place < before:
                    self.faults.append(f"{anchors.path} goes back from {before[1]} to {place[1]} events.")
                before = place
                self._take(anchor, keys, "the file of checkpoints")
        except Refused as error:
            self.faults.append(str(error))
        if count == 0:
            self.faults.append(
                f"{anchors.path} holds no checkpoint: nothing outside the database vouches for it."
            )
        return count

    def _inside(self, keys: KeySet) -> int:
        rows = _rows("SELECT size, root, note FROM audit_checkpoint ORDER BY size")
        count = 0
        for size, root, note in rows:
            count += 1
            try:
                anchor = Anchor.of(bytes(note))
                self._take(anchor, keys, "the database")
            except Problem as error:
                self.faults.append(f"The checkpoint of {size} events in the database cannot be read: {error}")
                continue
            if (anchor.checkpoint.size, anchor.checkpoint.root) != (size, bytes(root)):
                self.faults.append(
                    f"The checkpoint of {size} events in the database differs from its own note."
                )
        return count

    def _take(self, anchor: Anchor, keys: KeySet, where: str) -> None:
        said = anchor.checkpoint
        try:
            open_checkpoint(anchor.note, keys)
        except Problem as error:
            self.faults.append(f"The checkpoint of {said.size} events in {where} is not genuine: {error}")
        if self.epochs.lost(said):
            self.faults += self.epochs.undeclared(said, where)
        else:
            self.roots.setdefault(said.size, []).append((said.root, where))


# --- The tree --------------------------------------------------------------------------------------------


def _tree(promised: _Promises, account: Account) -> list[str]:
    faults: list[str] = []
    grown = CompactRange()
    faults += _kept(promised, grown)
    expected = 0
    for idx, stored, leaf, event, body in _rows(
        "SELECT l.idx, l.leaf_hash, e.leaf_hash, l.event_id, e.body FROM audit_leaf l "
        "LEFT JOIN audit_event e ON e.id = l.event_id ORDER BY l.idx"
    ):
        account.leaves += 1
        if idx != expected:
            faults.append(f"Index {expected} is missing: the log goes on with {idx}.")
        expected = idx + 1
        faults += _leaf(idx, event, bytes(stored), leaf and bytes(leaf), body and bytes(body))
        entry = leaf_hash(bytes(body)) if body is not None else bytes(stored)
        faults += _grow(grown, entry)
        if grown.size in promised.roots:
            faults += _kept(promised, grown)
    faults += _after(promised, grown)
    return faults


def _leaf(idx: int, event: UUID, stored: bytes, said: bytes | None, body: bytes | None) -> Iterator[str]:
    if body is None:
        yield f"Index {idx}: its event {event} is missing."
    elif leaf_hash(body) != stored:
        yield f"Index {idx}: the event {event} is not the one that was sequenced; its body was changed."
    elif said != stored:
        yield f"Index {idx}: the hash beside the event {event} is not that of its body."


def _grow(grown: CompactRange, entry: bytes) -> Iterator[str]:
    for node in grown.extend([entry], from_level=STRIDE):
        if node.level % STRIDE == 0:
            kept = Node.objects.filter(level=node.level, idx=node.index).first()
            if kept is None or bytes(kept.hash) != node.hash:
                yield f"The stored hash of subtree {node.index} of level {node.level} is missing or wrong."


def _kept(promised: _Promises, grown: CompactRange) -> Iterator[str]:
    for root, where in promised.roots.pop(grown.size, ()):
        if root != (grown.root() if grown.size else EMPTY_ROOT):
            yield f"The first {grown.size} events do not give the root that {where} holds for them."


def _after(promised: _Promises, grown: CompactRange) -> Iterator[str]:
    for size in sorted(promised.roots, reverse=True)[:1]:
        where = promised.roots[size][0][1]
        yield f"A checkpoint in {where} covers {size} events, but {grown.size} are left: the newest are lost."
    state = list(_rows("SELECT size, frontier FROM audit_treestate"))
    if [(s, bytes(f)) for s, f in state] != [(grown.size, grown.to_bytes())]:
        yield f"The state of the tree does not fit its {grown.size} leaves."


# --- Events outside the tree, and what only indexes them ------------------------------------------------


def _outside_the_tree(account: Account) -> list[str]:
    faults: list[str] = []
    for event, body, doc, columns, leaves, waiting in _rows(_EVENTS):
        account.events += 1
        account.pending += bool(waiting)
        if leaves == waiting:
            what = "both sequenced and pending" if leaves else "neither sequenced nor pending"
            faults.append(f"The event {event} is {what}.")
        faults += _index(event, bytes(body), doc, columns)
    return faults


def _removed(kept: Kept, epochs: Epochs, account: Account) -> Iterator[str]:
    """Events that the service once committed, and that are no longer there as they were."""
    declared = 0
    for found in compare(kept):
        if isinstance(found, str):
            yield found
        elif found.changed:
            yield f"The event {found.event} is another one than was committed at {rfc3339(found.at)}."
        elif epochs.accounts_for(found.at):
            declared += 1
        else:
            yield (
                f"The event {found.event} was committed at {rfc3339(found.at)}, says {kept.path.name}, and "
                "is nowhere in the log: it was removed."
            )
    if declared:
        account.declared.append(f"{declared} events that {kept.path.name} names were lost with the old log.")


def _index(event: UUID, body: bytes, doc: str | None, columns: list[str]) -> Iterator[str]:
    try:
        said = _canonical_body(body)
        actor, about = said["actor"], said["object"]
        expected = [said["action"], actor["type"], actor["id"], about["type"], about["id"], said["ts"]]
    except (Problem, KeyError, TypeError) as error:
        yield f"The event {event} cannot be read: {error}"
        return
    if said["id"] != str(event):
        yield f"The event {event} names itself {said['id']}."
    if doc is None or json.loads(doc) != said or columns != expected:
        yield f"The index of the event {event} differs from its body; the record itself is intact."


def _canonical_body(body: bytes) -> Any:
    """What a body says; Problem unless these are its canonical bytes."""
    try:
        said = json.loads(body, parse_float=_slow, parse_constant=_slow)
        written = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if written.encode() == body:
            return said
    except ValueError:
        pass  # a fraction, which the standard library writes otherwise, or no JSON at all
    said = read_json(body, what="The body")
    if canonical(said) != body:
        raise Problem("The body is not in canonical form.")
    return said


def _slow(number: str) -> float:
    raise ValueError(number)


# --- Statements, personal data, references ----------------------------------------------------------------


def _statements(keys: KeySet, account: Account) -> list[str]:
    faults: list[str] = []
    for row in Statement.objects.select_related("event").iterator(_ROWS):
        account.statements += 1
        faults += _statement(row, keys)
    for event, named in _rows(_UNSEALED):
        faults.append(f"The statement {named}, sealed by event {event}, is missing.")
    return faults


def _statement(row: Statement, keys: KeySet) -> Iterator[str]:
    if digest(bytes(row.payload)) != row.digest:
        yield f"The statement {row.digest} does not have that digest: it was changed."
        return
    try:
        found = verify(json.loads(bytes(row.envelope)), keys, logged_at=row.event.occurred_at)
    except (Problem, ValueError) as error:
        yield f"The statement {row.digest} is not genuine: {error}"
        return
    if canonical(found) != bytes(row.payload):
        yield f"The envelope of the statement {row.digest} signs something else."
    after = _told(bytes(row.event.body)).get("after")
    if not isinstance(after, Mapping) or after.get("statement") != row.digest:
        yield f"The event {row.event_id} of the statement {row.digest} does not name it."


def _personal() -> Iterator[str]:
    for event, part, salt, value, body in _rows(_PERSONAL):
        said = _told(bytes(body)).get("pii") or {}
        if said.get(part) != personal_digest(bytes(salt), bytes(value)):
            yield f"The personal {part} of event {event} is not what the event vouches for."


def _told(body: bytes) -> dict[str, Any]:
    """What a body says; nothing where it cannot be read, which is named elsewhere."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _references() -> Iterator[str]:
    """Rows of any app that name an event or a statement that is not there."""
    for model in apps.get_models():
        if model._meta.proxy or not model._meta.managed:
            continue
        for column in model._meta.concrete_fields:
            if column.is_relation and column.related_model is Event:
                yield from _dangling(model, column, "event", Event._meta.db_table, "id")
            elif column.name in NAMING:
                yield from _dangling(model, column, "statement", Statement._meta.db_table, "digest")


def _dangling(
    model: type[models.Model], column: models.Field[Any, Any], what: str, target: str, key: str
) -> Iterator[str]:
    quote = connection.ops.quote_name
    table, name = quote(model._meta.db_table), quote(column.column or column.name)
    sql = (
        f"SELECT t.{name} FROM {table} t WHERE t.{name} IS NOT NULL AND t.{name}::text <> '' "  # noqa: S608
        f"AND NOT EXISTS (SELECT FROM {quote(target)} e WHERE e.{quote(key)} = t.{name})"
    )
    for (named,) in _rows(sql):
        yield f"{model._meta.label} names the {what} {named}, which is missing."


def _rows(sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows as they come, in chunks, so that a log of any length fits in memory."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_ROWS):
            yield from rows
