"""The stored log as packs need it: hashes of subtrees by the block, checkpoints with what stands outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from django.db.models import Max
from django.db.models.functions import TruncDate

from apps.audit.epoch_check import Epochs
from apps.audit.errors import Refused
from apps.audit.models import Checkpoint, Cosignature, Leaf, Node, TimeStamp
from apps.engine.canonical import digest
from apps.engine.cosignature import cosigned
from apps.engine.merkle import NodeReader, node_hash
from apps.engine.note import Checkpoint as Head
from apps.engine.note import Note

_SPAN = 8  # the log keeps the hashes of every eighth level
_CHUNK = 2_000


def subtree_reader() -> NodeReader:
    """Hashes of complete subtrees; a block of 256 is read once, whichever of them are asked for."""

    @lru_cache(maxsize=256)
    def block(base: int, number: int) -> list[list[bytes]]:
        levels = [_stored(base, number << _SPAN)]
        while len(levels[-1]) > 1:
            row = levels[-1]
            levels.append([node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)])
        return levels

    def node(level: int, index: int) -> bytes:
        base = level // _SPAN * _SPAN
        first = index << (level - base)
        try:
            return block(base, first >> _SPAN)[level - base][(first & 0xFF) >> (level - base)]
        except IndexError:
            raise Refused(
                f"The log lacks something below the subtree {index} of level {level}.", code="log_broken"
            ) from None

    return node


def _stored(level: int, first: int) -> list[bytes]:
    """The stored hashes of a level from an index on, up to 256 and as far as they have no gap."""
    if level:
        rows = Node.objects.filter(level=level, idx__gte=first, idx__lt=first + 256).order_by("idx")
        found = list(rows.values_list("idx", "hash"))
    else:
        leaves = Leaf.objects.filter(idx__gte=first, idx__lt=first + 256).order_by("idx")
        found = list(leaves.values_list("idx", "leaf_hash"))
    return [bytes(hashed) for place, (idx, hashed) in enumerate(found) if idx == first + place]


def newest_checkpoint() -> tuple[Checkpoint, Head]:
    """The checkpoint that a pack is made under."""
    found = Checkpoint.objects.order_by("-size").first()
    if found is None:
        raise Refused("No checkpoint is signed yet, so nothing could be proved; is the sequencer running?")
    return found, _head(found)


def _head(row: Checkpoint) -> Head:
    return Head.parse(Note.parse(bytes(row.note)).text)


def chosen_checkpoints(newest: Checkpoint) -> dict[int, bytes]:
    """By size, the newest checkpoint, the last of each day, and those with a cosignature; with its lines.

    Of a log before this one, those of the part that this one goes on with.
    """
    epochs = Epochs.read()
    days = Checkpoint.objects.filter(size__lte=newest.size).annotate(day=TruncDate("at")).values("day")
    last = set(days.annotate(last=Max("size")).order_by("day").values_list("last", flat=True))
    lines = Cosignature.objects.filter(size__lte=newest.size).order_by("size", "origin", "witness")
    told = {of: [row.line for row in rows] for of, rows in groupby(lines, lambda row: (row.size, row.origin))}
    kept = {newest.size, *last, *sorted(size for size, _ in told)[-100:]}
    rows = {row: _head(row) for row in Checkpoint.objects.filter(size__in=kept).order_by("size")}
    own = _head(newest).origin
    return {
        row.size: cosigned(bytes(row.note), told.get((row.size, head.origin), ()))
        for row, head in rows.items()
        if head.origin == own or (epochs.goes_on(head.origin) and not epochs.lost(head))
    }


def time_stamps(notes: dict[int, bytes]) -> dict[int, bytes]:
    """By the size of its checkpoint, each time stamp over one of these notes."""
    wanted = {name: size for size, note in notes.items() for name in _stamped_as(note)}
    rows = TimeStamp.objects.filter(digest__in=wanted).order_by("at")
    return {wanted[row.digest]: bytes(row.token) for row in rows}


def _stamped_as(note: bytes) -> Iterator[str]:
    """Digests under which an authority may have seen a checkpoint: as the log signed it, or its text."""
    text, gap, below = note.partition(b"\n\n")
    yield digest(text + gap + below.split(b"\n", 1)[0] + b"\n")
    yield digest(text + b"\n")


def bodies(indexes: Sequence[int]) -> Iterator[bytes]:
    """The exact bytes of events by their indexes, in order."""
    for at in range(0, len(indexes), _CHUNK):
        part = indexes[at : at + _CHUNK]
        rows = Leaf.objects.order_by("idx").values_list("idx", "event__body")
        if part[-1] - part[0] == len(part) - 1:
            found = list(rows.filter(idx__gte=part[0], idx__lte=part[-1]))
        else:
            found = list(rows.filter(idx__in=part))
        if [idx for idx, _ in found] != list(part):
            raise Refused(f"The log lacks an event between {part[0]} and {part[-1]}.", code="log_broken")
        yield from (bytes(body) for _, body in found)


def statement_stamps(digests: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The path and the token of each time stamp over a statement of a pack, the first of each."""
    for at in range(0, len(digests), _CHUNK):
        rows = TimeStamp.objects.filter(digest__in=digests[at : at + _CHUNK]).order_by("digest", "at", "pk")
        for row in rows.distinct("digest"):
            yield f"stamps/{row.digest.removeprefix('sha256:')}.tsr", bytes(row.token)
