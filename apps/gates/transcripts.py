"""What a run asked of a service, as its evidence names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit.errors import NotFound
from apps.audit.trail import contents
from apps.gates.models import Run
from apps.inventory.store import the_store

_PIECE = 1 << 20


def asked_in(run: Run) -> Mapping[str, Any]:
    """What the sealed evidence of a run says of the service that it asked; empty where it asked none."""
    digests = list(run.evidence.order_by("id").values_list("statement_digest", flat=True)[:1])
    for content in contents(digests).values():
        found = content["predicate"].get("endpoint")
        return found if isinstance(found, Mapping) else {}
    return {}


def transcript_of(by: Person, run: Run) -> tuple[str, Iterator[bytes]]:
    """The digest and the bytes of a transcript, for those who take proofs away: it tells single scores."""
    require(by, Permission.EXPORT_MAKE, run.version.model)
    digest = str(asked_in(run).get("transcript") or "")
    if not digest:
        raise NotFound(f"The run {run.pk} asked no service, or has no evidence yet.")
    if not the_store().has(digest):
        raise NotFound(f"The transcript {digest} is not in the store any more.")
    return digest, _pieces(digest)


def _pieces(digest: str) -> Iterator[bytes]:
    with the_store().open(digest) as file:
        while piece := file.read(_PIECE):
            yield piece
