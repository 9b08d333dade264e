"""The log of an auditor pack: disclosed events and hashes of the rest give every checkpoint's root."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apps.engine.canonical import canonical, read_json
from apps.engine.errors import BadInput, Problem
from apps.engine.keys import KeyRecord, KeySet, Purpose
from apps.engine.merkle import EMPTY_ROOT, leaf_hash, node_hash
from apps.engine.note import BadNote, Checkpoint, Note
from apps.engine.verify_pack_files import PackFault, PackFiles

EVENTS: Final = "log/events.jsonl"
TREE: Final = "log/tree.jsonl"
OPENED: Final = "epoch.opened"
_NOTE: Final = re.compile(r"checkpoints/(\d{12})\.note")
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A log begun anew by two people, by its first event: which log it goes on with, and from where."""

    origin: str
    base: int
    after_origin: str
    after_size: int
    people: tuple[str, str]

    def told(self) -> str:
        """Say who began it, where, and what was lost."""
        lost = f"events {self.base} to {self.after_size - 1} of {self.after_origin} are lost"
        if self.after_size <= self.base:
            lost = f"the newest checkpoint of {self.after_origin} spoke of other events"
        return f"{self.origin} at index {self.base}, by persons {' and '.join(self.people)}: {lost}"


@dataclass(slots=True)
class PackLog:
    """What the pack proves of the log."""

    newest: Checkpoint
    notes: dict[int, Note]
    events: int = 0
    disclosed: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    sealing: dict[str, list[int]] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    openings: list[Opening] = field(default_factory=list)

    def belongs(self, said: Checkpoint) -> bool:
        """Whether a checkpoint is of this log, or of the part of one before it that this one goes on with."""
        goes_on = [one.base for one in self.openings if one.after_origin == said.origin]
        return said.size <= min(goes_on) if goes_on else said.origin == self.newest.origin

    def learn(self, index: int, event: Mapping[str, Any]) -> None:
        """Keep what the checks of statements and reports ask for."""
        self.events += 1
        about, after = event["object"], event.get("after")
        if event["action"] == "key.revoked":
            self.revoked.setdefault(about["id"], index)
        if isinstance(after, Mapping) and isinstance(after.get("statement"), str):
            self.sealing.setdefault(after["statement"], []).append(index)
            if event["action"].startswith("report."):
                self.reported |= {s for s in after.get("subjects") or () if isinstance(s, str)}


def note_path(size: int) -> str:
    """Where the checkpoint of a size stands in a pack."""
    return f"checkpoints/{size:012d}.note"


def read_log(files: PackFiles, manifest: Mapping[str, Any], keys: KeySet) -> PackLog:
    """The log, once every checkpoint is signed and has the root that the pack gives."""
    notes = {int(m[1]): _note(files, int(m[1])) for m in map(_NOTE.fullmatch, sorted(files.sizes)) if m}
    if not notes:
        raise PackFault("The pack holds no checkpoint.", "checkpoints")
    for size, note in sorted(notes.items()):
        _signed(size, note, keys, newest=size == max(notes))
    newest = Checkpoint.parse(notes[max(notes)].text)
    told = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex()}
    if dict(manifest["log"]) != told:
        raise PackFault("The manifest tells another log than the newest checkpoint.", note_path(newest.size))
    log = PackLog(newest, notes)
    _grow(files, log)
    if log.events != manifest["counts"].get("events"):
        raise PackFault("The manifest counts other events.", EVENTS)
    return log


def _note(files: PackFiles, size: int) -> Note:
    try:
        return Note.parse(files.read(note_path(size)))
    except BadNote as error:
        raise PackFault(str(error), note_path(size)) from error


def _signed(size: int, note: Note, keys: KeySet, *, newest: bool) -> None:
    """Signed by the log; only under the newest, which all others are part of, must the key still be sound."""
    try:
        said = Checkpoint.parse(note.text)
        if said.size != size:
            raise BadNote("It is of another size than its place says.")
        signers: list[KeyRecord] = note.signed_by(keys.of(Purpose.CHECKPOINT), name=said.origin)
        if newest and all(key.revoked_at for key in signers):
            raise BadNote("The key that signed the newest checkpoint was revoked.")
    except BadNote as error:
        raise PackFault(str(error), note_path(size)) from error


@dataclass(slots=True)
class _Spine:
    """Complete subtrees by their level, each of which ends where the next begins."""

    size: int = 0
    parts: list[tuple[int, bytes]] = field(default_factory=list)

    def append(self, level: int, found: bytes) -> None:
        if self.size & ((1 << level) - 1):
            raise BadInput(f"A subtree of 2^{level} leaves cannot begin at index {self.size}.")
        self.size += 1 << level
        while self.parts and self.parts[-1][0] == level:
            found, level = node_hash(self.parts.pop()[1], found), level + 1
        self.parts.append((level, found))

    def root(self) -> bytes:
        if not self.parts:
            return EMPTY_ROOT
        found = self.parts[-1][1]
        for _, left in self.parts[-2::-1]:
            found = node_hash(left, found)
        return found


def _grow(files: PackFiles, log: PackLog) -> None:
    spine, lines = _Spine(), files.lines(EVENTS)
    for number, line in enumerate(files.lines(TREE), 1):
        try:
            step = _step(line, spine.size)
            if "hash" in step:
                spine.append(step["level"], bytes.fromhex(step["hash"]))
        except Problem as error:
            raise PackFault(str(error), TREE, number) from error
        for _ in range(step.get("events", 0)):
            _take(log, spine, lines)
        if spine.size in log.notes:
            _meets(log, spine)
    if spine.size != log.newest.size or next(lines, None) is not None:
        raise PackFault(f"It does not end with the {log.newest.size} events of the checkpoint.", TREE)
    for size in sorted(set(log.notes) - set(log.roots)):
        raise PackFault("The tree does not show the root of this checkpoint.", note_path(size))
    for size, note in sorted(log.notes.items()):
        if not log.belongs(Checkpoint.parse(note.text)):
            raise PackFault("It is of another log, which this one does not go on with.", note_path(size))


def _step(line: bytes, size: int) -> dict[str, Any]:
    step = read_json(line, what="The step")
    if not isinstance(step, dict) or canonical(step) != line:
        raise BadInput("The step is not in canonical form.")
    if step.get("from") != size or type(step["from"]) is not int:
        raise BadInput(f"Index {size} is missing: the tree goes on with {step.get('from')!r}.")
    if not _is_events(step) and not _is_subtree(step):
        raise BadInput("It is no step of the tree.")
    return step


def _is_events(step: Mapping[str, Any]) -> bool:
    return set(step) == {"from", "events"} and type(step["events"]) is int and step["events"] > 0


def _is_subtree(step: Mapping[str, Any]) -> bool:
    if set(step) != {"from", "level", "hash"}:
        return False
    level, found = step["level"], step["hash"]
    return type(level) is int and 0 <= level < 63 and isinstance(found, str) and bool(_HASH.fullmatch(found))


def _take(log: PackLog, spine: _Spine, lines: Iterator[bytes]) -> None:
    index, line = spine.size, next(lines, None)
    if line is None:
        raise PackFault("The event is missing.", EVENTS, index)
    try:
        event = canonical_body(line)
        _tells_who_and_what(event)
        if event["action"] == OPENED:
            log.openings.append(_opening(index, event, spine.root()))
    except Problem as error:
        raise PackFault(str(error), EVENTS, index) from error
    spine.append(0, leaf_hash(line))
    log.disclosed += 1
    log.learn(index, event)


def _opening(index: int, event: Mapping[str, Any], root: bytes) -> Opening:
    after = event.get("after")
    names = ("origin", "after_origin", "after_root", "base_root", "proposed_by")
    texts = isinstance(after, Mapping) and all(isinstance(after.get(name), str) for name in names)
    if not isinstance(after, Mapping) or not texts or type(after.get("after_size")) is not int:
        raise BadInput("It does not tell which log it begins.")
    people = after["proposed_by"], event["actor"]["id"]
    if (after.get("base"), after["base_root"]) != (index, root.hex()) or people[0] == people[1]:
        raise BadInput(
            "It begins a log that does not go on with the events before it, or one person began it."
        )
    return Opening(
        origin=after["origin"],
        base=index,
        after_origin=after["after_origin"],
        after_size=after["after_size"],
        people=people,
    )


def canonical_body(body: bytes) -> dict[str, Any]:
    """What an event says; Problem unless these are its canonical bytes.

    Examples
    --------
    >>> canonical_body(b'{"a":1}')
    {'a': 1}
    """
    try:
        said = json.loads(body, parse_float=_slow, parse_int=_short, parse_constant=_slow)
        written = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if written.encode() == body and isinstance(said, dict):
            return said
    except (ValueError, RecursionError):
        pass  # a fraction, which the standard library writes otherwise, or no JSON at all
    said = read_json(body, what="The event")
    if canonical(said) != body or not isinstance(said, dict):
        raise BadInput("The event is not in canonical form.")
    return said


def _slow(number: str) -> float:
    raise ValueError(number)


def _short(number: str) -> int:
    if len(number) > 15:
        raise ValueError(number)
    return int(number)


def _tells_who_and_what(event: Mapping[str, Any]) -> None:
    actor, about = event.get("actor"), event.get("object")
    if not isinstance(actor, Mapping) or not isinstance(about, Mapping):
        raise BadInput("The event does not tell who did something to what.")
    texts = (event.get("id"), event.get("ts"), event.get("action"), actor.get("id"), about.get("id"))
    if not all(isinstance(t, str) for t in (*texts, about.get("type"))) or type(event.get("v")) is not int:
        raise BadInput("The event lacks what every event tells.")


def _meets(log: PackLog, spine: _Spine) -> None:
    log.roots[spine.size] = spine.root()
    if log.roots[spine.size] != Checkpoint.parse(log.notes[spine.size].text).root:
        raise PackFault(
            "The events and hashes of the pack do not give the root of this checkpoint.",
            note_path(spine.size),
        )
