"""Making an auditor pack: written to a file, sealed, and verified before anybody gets it."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from apps.access.guards import require
from apps.access.models import Person
from apps.access.states import Permission
from apps.audit import commands as audit
from apps.audit.errors import Refused
from apps.audit.events import EventName
from apps.audit.models import Statement
from apps.audit.queries import keys
from apps.audit.states import Ref
from apps.engine.canonical import canonical
from apps.engine.errors import Problem
from apps.engine.keys import KeySet
from apps.engine.verified import Question
from apps.engine.verify_pack import PACK, examine_pack
from apps.gates.clock import database_now
from apps.inventory import store
from apps.reports import packs_lists, packs_log, packs_scope
from apps.reports.packs_archive import PackArchive
from apps.reports.packs_readme import readme
from apps.reports.packs_scope import PackContents, PackScope
from apps.reports.packs_transcripts import transcripts
from apps.reports.packs_tree import steps
from apps.reports.verification import pinned

MOST_AT_ONCE = 50_000
_CHUNK = 500

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack as it was given out: its name, the digest of its manifest, what it counts."""

    name: str
    digest: str
    counts: dict[str, int]
    file: IO[bytes]


def make_pack(
    *, by: Person, scope: PackScope, most: int | None = MOST_AT_ONCE, progress: Progress = lambda _: None
) -> Packed:
    """An auditor pack in a file of its own that is gone once it is closed."""
    require(by, Permission.EXPORT_MAKE, scope.model)
    newest, head = packs_log.newest_checkpoint()
    contents = packs_scope.contents_of(scope, by, head.size)
    if most is not None:
        packs_scope.refuse_large(contents, most)
    file = tempfile.NamedTemporaryFile(prefix="auditor-pack-", suffix=".zip")  # noqa: SIM115 - given out open
    try:
        archive = PackArchive(file)
        notes = packs_log.chosen_checkpoints(newest)
        counts = _write(archive, by, scope, contents, notes, progress)
        told = {
            "scope": scope.told(),
            "log": {"origin": head.origin, "size": head.size, "root": head.root.hex()},
            "counts": {**counts, "hidden": head.size - counts["events"]},
        }
        return _seal(by, scope, archive, told, contents.outside, Path(file.name), file)
    except BaseException:
        file.close()
        raise


# --- Writing ---------------------------------------------------------------------------------------------


def _write(
    archive: PackArchive,
    by: Person,
    scope: PackScope,
    contents: PackContents,
    notes: dict[int, bytes],
    progress: Progress,
) -> dict[str, int]:
    progress(f"{len(contents.events)} events")
    archive.add("keys.json", _keys())
    for size, note in notes.items():
        archive.add(f"checkpoints/{size:012d}.note", note)
    for size, token in packs_log.time_stamps(notes).items():
        archive.add(f"checkpoints/{size:012d}.tsr", token)
    plan = steps(contents.events, notes, packs_log.subtree_reader())
    archive.add_parts("log/tree.jsonl", (step.line() for step in plan))
    events = archive.add_parts("log/events.jsonl", (b + b"\n" for b in packs_log.bodies(contents.events)))
    progress(f"{len(contents.statements)} statements")
    sealed = archive.add_parts("statements.jsonl", _envelopes(contents.statements))
    for path, token in packs_log.statement_stamps(contents.statements):
        archive.add(path, token)
    for kind in _kinds(contents.statements):
        archive.add_parts(f"facts/{_slug(kind)}.jsonl", _facts(contents.statements, kind))
    for path, parts in transcripts(contents.statements):
        archive.add_parts(path, parts)
    reports = _reports(archive, contents, progress)
    _drawn(archive, by, scope, contents, progress)
    archive.add("README.md", readme(scope, settings.BASE_URL))
    return {"events": events, "statements": sealed, "reports": reports}


def _keys() -> bytes:
    trusted = pinned()
    published = KeySet(keys().records, trusted.certificates, trusted.authorities, trusted.revocations)
    return json.dumps(published.as_json(), indent=1).encode() + b"\n"


def _envelopes(digests: list[str]) -> Iterator[bytes]:
    for at in range(0, len(digests), _CHUNK):
        rows = Statement.objects.filter(digest__in=digests[at : at + _CHUNK]).order_by("digest")
        for found in rows.values_list("envelope", flat=True):
            yield canonical(json.loads(bytes(found))) + b"\n"


def _kinds(digests: list[str]) -> list[str]:
    found: set[str] = set()
    for at in range(0, len(digests), _CHUNK):
        rows = Statement.objects.filter(digest__in=digests[at : at + _CHUNK])
        found |= set(rows.values_list("predicate_type", flat=True))
    return sorted(found)


def _slug(kind: str) -> str:
    """The last word of a type, such as decision of https://countersign.dev/decision/v1."""
    parts = [part for part in urlsplit(kind).path.split("/") if part]
    return packs_lists.file_name("-".join(parts) or kind)


def _facts(digests: list[str], kind: str) -> Iterator[bytes]:
    for at in range(0, len(digests), _CHUNK):
        rows = Statement.objects.filter(digest__in=digests[at : at + _CHUNK], predicate_type=kind)
        for found in rows.order_by("digest").values_list("payload", flat=True):
            yield bytes(found) + b"\n"


def _reports(archive: PackArchive, contents: PackContents, progress: Progress) -> int:
    found = packs_lists.newest_revisions(contents.statements)
    progress(f"{len(found)} reports")
    for key, path in found.values():
        with store.open(key) as file:
            archive.add_parts(path, iter(lambda: file.read(1 << 20), b""))
    return len(found)


def _drawn(
    archive: PackArchive, by: Person, scope: PackScope, contents: PackContents, progress: Progress
) -> None:
    """Lists, assessments, bills of materials, and the verifier."""
    progress("lists")
    models = packs_lists.models_of(scope, by)
    for path, parts in packs_lists.lists_of(models):
        archive.add_parts(path, parts)
    for path, data in packs_lists.assessments(models, frozenset(contents.statements)):
        archive.add(path, data)
    for path, data in packs_lists.bills(models):
        archive.add(path, data)
    archive.add("verifier.pyz", packs_lists.verifier_archive())


# --- Sealing ---------------------------------------------------------------------------------------------


@transaction.atomic
def _seal(
    by: Person,
    scope: PackScope,
    archive: PackArchive,
    told: dict[str, Any],
    outside: list[str],
    place: Path,
    file: IO[bytes],
) -> Packed:
    """Sign the manifest and tell of the export; all of it undone where the pack does not verify."""
    manifest = archive.manifest({**told, "outside": outside})
    key = str(uuid.uuid4())
    statement = audit.seal(
        by=by,
        predicate_type=PACK,
        subjects=[Ref(type="auditor_pack", id=key, name="manifest.json", digest=manifest)],
        predicate={**told, "madeBy": str(by.pk)},
        event=EventName.EXPORT_MADE,
        about=Ref(type="export", id=key, name=f"auditor pack, {scope.name}", digest=manifest),
    )
    archive.seal(bytes(statement.envelope))
    file.flush()
    try:
        # The reports' signatures were looked at when each was made; a pack of thousands would take long.
        examine_pack(place, Question(at=database_now(), keys=keys(), into_reports=False))
    except Problem as error:
        raise Refused(
            f"The pack was not given out, since it does not verify: {error} Run manage.py audit_fsck.",
            code="log_broken",
        ) from error
    file.seek(0)
    words = packs_lists.file_name(scope.name.replace(" ", "-"))
    return Packed(f"auditor-pack-{words}-{manifest[7:15]}.zip", manifest, told["counts"], file)
