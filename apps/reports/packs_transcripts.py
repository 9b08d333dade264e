"""What runs asked of scoring services and were answered: the bytes that evidence in a pack names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from apps.audit.models import Statement
from apps.inventory.store import the_store

_PIECE = 1 << 20
_CHUNK = 500


def transcripts(digests: Sequence[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The path and the bytes of each transcript that is still kept, each once."""
    for digest in sorted(set(_named(digests))):
        if the_store().has(digest):
            yield f"transcripts/{digest.removeprefix('sha256:')}", _pieces(digest)


def _named(digests: Sequence[str]) -> Iterator[str]:
    for at in range(0, len(digests), _CHUNK):
        rows = Statement.objects.filter(digest__in=digests[at : at + _CHUNK])
        for payload in rows.filter(predicate_type__contains="/evidence/").values_list("payload", flat=True):
            asked = json.loads(bytes(payload))["predicate"].get("endpoint")
            if isinstance(asked, dict) and isinstance(asked.get("transcript"), str):
                yield asked["transcript"]


def _pieces(digest: str) -> Iterator[bytes]:
    with the_store().open(digest) as file:
        while piece := file.read(_PIECE):
            yield piece
