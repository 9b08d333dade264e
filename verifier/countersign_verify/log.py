"""The log in a pack: some events as exact bytes, the others as hashes of whole subtrees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

from countersign_verify import files, jcs, keys, notes
from countersign_verify.faults import Wrong
from countersign_verify.files import Files
from countersign_verify.tree import Tree

_CHECKPOINT = re.compile(r"checkpoints/([0-9]{12})\.note")
_TOKEN = re.compile(r"checkpoints/([0-9]{12})\.tsr")
_HASH = re.compile(r"[0-9a-f]{64}")
_REPORT = "report."
OPENED = "epoch.opened"


@dataclass(frozen=True, slots=True)
class Opening:
    """A log that two people began after events of the one before were lost, as its first event says."""

    origin: str
    base: int
    after_origin: str
    after_size: int
    after_root: str
    people: tuple[str, str]

    def told(self) -> str:
        """Write who began it where, and what was lost."""
        lost = f"events {self.base} to {self.after_size - 1} of {self.after_origin} are lost"
        if self.after_size <= self.base:
            lost = f"the newest checkpoint of {self.after_origin} spoke of other events"
        return f"{self.origin} at index {self.base}, by persons {' and '.join(self.people)}: {lost}"


@dataclass(slots=True)
class Log:
    """What the pack proves of the log."""

    EVENTS: ClassVar[str] = "log/events.jsonl"
    TREE: ClassVar[str] = "log/tree.jsonl"

    origin: str
    size: int
    root: bytes
    checkpoints: dict[int, notes.Checkpoint]
    raw: dict[int, bytes]
    tokens: dict[int, str]
    wanted: frozenset[int] = frozenset()
    disclosed: int = 0
    told: list[int] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    sealed: dict[str, list[int]] = field(default_factory=dict)
    revocations: dict[str, int] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    openings: list[Opening] = field(default_factory=list)

    def named(self) -> Iterator[tuple[str, notes.Checkpoint]]:
        """Each checkpoint with its path."""
        for size, found in self.checkpoints.items():
            yield path_of(size), found

    def note(self, index: int, event: dict[str, Any]) -> None:
        """Remember what later checks ask of an event."""
        self.told.append(index)
        after = event.get("after")
        if isinstance(after, dict):
            sealed = after.get("statement")
            if isinstance(sealed, str):
                self.sealed.setdefault(sealed, []).append(index)
                if event["action"].startswith(_REPORT):
                    self.reported.update(s for s in after.get("subjects", ()) if isinstance(s, str))
        if event["action"] == "key.revoked":
            self.revocations.setdefault(event["object"]["id"], index)

    def knows(self, origin: str) -> bool:
        """Whether a name is this log's, or that of one which it goes on with."""
        return origin == self.origin or any(one.after_origin == origin for one in self.openings)

    def lost(self, found: notes.Checkpoint) -> bool:
        """Whether a checkpoint of a log before reaches beyond where this log goes on."""
        return any(one.after_origin == found.origin and found.size > one.base for one in self.openings)

    def declares_lost(self, found: notes.Checkpoint) -> bool:
        """Whether the opening of a log names exactly this checkpoint, or a newer one, as what was lost."""
        for one in self.openings:
            if one.after_origin == found.origin and one.base < found.size <= one.after_size:
                return found.size < one.after_size or found.root.hex() == one.after_root
        return False

    def open(self, index: int, event: dict[str, Any], root: bytes) -> None:
        """Note that a log was begun anew; Wrong unless it goes on with exactly the events before it."""
        after: Any = event.get("after")
        try:
            found = Opening(
                origin=after["origin"],
                base=after["base"],
                after_origin=after["after_origin"],
                after_size=after["after_size"],
                after_root=after["after_root"],
                people=(after["proposed_by"], event["actor"]["id"]),
            )
            fits = (found.base, after["base_root"]) == (index, root.hex())
        except (KeyError, TypeError):
            raise Wrong("It does not tell which log it begins.") from None
        texts = (found.origin, found.after_origin, found.after_root, *found.people)
        if type(found.after_size) is not int or not all(type(text) is str for text in texts):
            raise Wrong("It does not tell which log it begins.")
        if not fits or found.people[0] == found.people[1]:
            raise Wrong(
                "It begins a log that does not go on with the events before it, or one person began it."
            )
        self.openings.append(found)


def path_of(size: int) -> str:
    """The path of a checkpoint in a pack."""
    return f"checkpoints/{size:012d}.note"


def read_log(
    found: Files, manifest: dict[str, Any], trusted: list[keys.Key], wanted: frozenset[int] = frozenset()
) -> Log:
    """Check the checkpoints and grow the tree through each of them; at `wanted` sizes the root is kept."""
    log = _checkpoints(found, manifest, keys.of(trusted, keys.CHECKPOINT))
    log.wanted = wanted
    with files.opened(found, log.TREE) as plan, files.opened(found, log.EVENTS) as events:
        _grow(log, plan, events)
    if len(log.told) != manifest["counts"].get("events"):
        raise Wrong("The manifest counts other events.", file=log.EVENTS)
    return log


def _checkpoints(found: Files, manifest: dict[str, Any], trusted: list[keys.Key]) -> Log:
    read: dict[int, notes.Checkpoint] = {}
    raw: dict[int, bytes] = {}
    tokens: dict[int, str] = {}
    for entry in manifest["files"]:
        if token := _TOKEN.fullmatch(entry["path"]):
            tokens[int(token[1])] = entry["path"]
        if named := _CHECKPOINT.fullmatch(entry["path"]):
            size = int(named[1])
            raw[size] = files.whole(found, entry["path"], largest=notes.LARGEST)
            read[size] = _checkpoint(raw[size], size, entry["path"])
    if not read:
        raise Wrong("The pack holds no checkpoint, so nothing vouches for its events.")
    newest = read[max(read)]
    said = {"origin": newest.origin, "size": newest.size, "root": newest.root.hex()}
    if manifest["log"] != said:
        raise Wrong("The manifest tells another log than the newest checkpoint.", file=path_of(newest.size))
    _signed(read, trusted)
    return Log(newest.origin, newest.size, newest.root, read, raw, tokens)


def _checkpoint(data: bytes, size: int, path: str) -> notes.Checkpoint:
    try:
        read = notes.read(data)
        if read.size != size:
            raise Wrong("It is of another size than its place says.")
    except Wrong as wrong:
        raise wrong.placed(path) from None
    return read


def _signed(read: dict[int, notes.Checkpoint], trusted: list[keys.Key]) -> None:
    """Each is signed; the newest, to whose tree all others belong, by a key that was never revoked."""
    newest = max(read)
    for size, one in sorted(read.items()):
        try:
            good = notes.signers(one, trusted)
            if size == newest and all(key.revoked is not None for key in good):
                raise Wrong("The key that signed the newest checkpoint was revoked.")
        except Wrong as wrong:
            raise wrong.placed(path_of(size)) from None


def _grow(log: Log, plan: IO[bytes], events: IO[bytes]) -> None:
    tree, lines = Tree(), files.lines(events)
    for number, line in enumerate(files.lines(plan), 1):
        try:
            step = jcs.canonical_object(line, "The step")
            _at_its_place(step, tree)
            if "events" in step:
                _disclosed(log, tree, lines, step["events"])
            else:
                _hidden(tree, step)
        except Wrong as wrong:
            raise wrong.placed(log.TREE, number) from None
        _meet(log, tree)
    if tree.size != log.size:
        raise Wrong(f"It tells of {tree.size} events; the checkpoint covers {log.size}.", file=log.TREE)
    if next(lines, None) is not None:
        raise Wrong("It holds events that have no place in the tree.", file=log.EVENTS, index=tree.size)
    left = sorted(set(log.checkpoints) - set(log.roots))
    if left:
        raise Wrong("The tree does not show the root of this checkpoint.", file=path_of(left[0]))
    for size, one in sorted(log.checkpoints.items()):
        if not log.knows(one.origin) or log.lost(one):
            raise Wrong("It is of another log, which this one does not go on with.", file=path_of(size))


def _at_its_place(step: dict[str, Any], tree: Tree) -> None:
    forms: Iterable[set[str]] = ({"from", "events"}, {"from", "level", "hash"})
    if set(step) not in forms:
        raise Wrong("It is no step of the tree.")
    if type(step["from"]) is not int or step["from"] != tree.size:
        raise Wrong(f"Index {tree.size} is missing: the tree goes on with {step['from']!r}.")


def _hidden(tree: Tree, step: dict[str, Any]) -> None:
    level, found = step["level"], step["hash"]
    if type(level) is not int or not isinstance(found, str) or not _HASH.fullmatch(found):
        raise Wrong("It tells no level and hash of a subtree.")
    tree.add_subtree(level, bytes.fromhex(found))


def _disclosed(log: Log, tree: Tree, lines: Iterator[bytes], count: Any) -> None:
    if type(count) is not int or count < 1:
        raise Wrong("It tells no number of events.")
    add, note, begin, wanted = tree.add, log.note, tree.size, log.wanted
    for index in range(begin, begin + count):
        line = next(lines, None)
        if line is None:
            raise Wrong("The event is missing.", file=log.EVENTS, index=index)
        try:
            event = jcs.canonical_object(line, "The event")
            _event(event)
            if event["action"] == OPENED:
                log.open(index, event, tree.root())
        except Wrong as wrong:
            raise wrong.placed(log.EVENTS, index) from None
        add(line)
        note(index, event)
        if index + 1 in wanted:
            log.roots[index + 1] = tree.root()
    log.disclosed += count


def _event(event: dict[str, Any]) -> None:
    """What every event tells: format, id, time, who, what, of what."""
    actor, about = event.get("actor"), event.get("object")
    texts = (event.get("id"), event.get("ts"), event.get("action"))
    good = type(event.get("v")) is int and all(type(t) is str for t in texts)
    if not good or type(actor) is not dict or type(about) is not dict:
        raise Wrong("It lacks what every event tells.")
    if (
        type(actor.get("id")) is not str
        or type(about.get("id")) is not str
        or type(about.get("type")) is not str
    ):
        raise Wrong("It does not tell who did something to what.")


def _meet(log: Log, tree: Tree) -> None:
    """At the size of a checkpoint the tree has that checkpoint's root."""
    if tree.size in log.checkpoints or tree.size in log.wanted:
        log.roots[tree.size] = tree.root()
    if tree.size not in log.checkpoints:
        return
    if log.roots[tree.size] != log.checkpoints[tree.size].root:
        raise Wrong(
            "The events and hashes of the pack do not give the root of this checkpoint.",
            file=path_of(tree.size),
        )
