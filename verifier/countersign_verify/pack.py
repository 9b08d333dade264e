"""An auditor pack, checked from its manifest inwards; the first thing that is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from countersign_verify import envelopes, files, jcs, keys, outside
from countersign_verify.faults import Wrong
from countersign_verify.files import Files
from countersign_verify.log import Log, read_log
from countersign_verify.trust import Account, Trust

MANIFEST, SEAL = "manifest.json", "manifest.dsse.json"
KEYS, STATEMENTS = "keys.json", "statements.jsonl"
PACK_TYPE = "https://countersign.dev/auditor-pack/v1"
REVISION = "https://countersign.dev/report"
FORMAT = 1


def verify(found: Files, trust: Trust) -> Account:
    """Check everything in a pack; Wrong with the first thing that is wrong."""
    manifest = _manifest(found)
    _contents(found, manifest)
    trusted = list(trust.keys if trust.keys is not None else _own_keys(found))
    account = Account(pinned=trust.keys is not None)
    seal = _seal(found, manifest, trusted, trust.at)
    log = read_log(found, manifest, trusted, frozenset(one.size for one in trust.kept))
    account.say("scope", " ".join(str(v) for v in manifest["scope"].values()))
    account.say("made", seal.predicate["signedAt"])
    account.say("files", f"{len(manifest['files'])}, each with the digest that the signed manifest gives")
    account.say("log", f"{log.origin}, {log.size} events, root {log.root.hex()}")
    account.say("events", f"{len(log.told)} disclosed, {log.size - log.disclosed} as hashes only")
    account.say("checkpoints", f"{len(log.checkpoints)} signed, each root computed again")
    for began in log.openings:
        account.say("begun anew", began.told())
    outside.kept(log, trust.kept)
    outside.vouched(found, log, trust, account)
    sealed = _statements(found, manifest, log, trusted, trust.at)
    _facts(found, manifest, sealed)
    elsewhere = set(manifest["outside"])
    _dangling(log, sealed, elsewhere)
    account.say("statements", f"{len(sealed)}, each signed, sealed by an event, nothing dangling")
    if elsewhere:
        account.say("outside", f"{len(elsewhere)} statements that others name are not in this pack")
    account.say("transcripts", _transcripts(manifest, sealed))
    account.say("reports", _reports(manifest, log, sealed))
    account.say("signatures", outside.signatures(found, manifest, sealed, trust))
    return account


def _transcripts(manifest: dict[str, Any], sealed: dict[str, envelopes.Statement]) -> str:
    """What services were asked and answered is there under the digest that evidence names."""
    told = [one.predicate.get("endpoint") for one in sealed.values() if _is_evidence(one)]
    named = {asked.get("transcript") for asked in told if isinstance(asked, dict)} - {None}
    here = [e for e in manifest["files"] if e["path"].startswith("transcripts/")]
    for entry in here:
        path, digest = entry["path"], f"sha256:{entry['sha256']}"
        if path != f"transcripts/{entry['sha256']}" or digest not in named:
            raise Wrong("No evidence of the pack names a transcript of these bytes so.", file=path)
    return f"{len(here)} of {len(named)} that evidence names"


def _is_evidence(one: envelopes.Statement) -> bool:
    return "/evidence/" in str(one.doc["predicateType"])


# --- The manifest and the files --------------------------------------------------------------------------


def _manifest(found: Files) -> dict[str, Any]:
    data = files.whole(found, MANIFEST)
    try:
        manifest = jcs.canonical_object(data, "The manifest")
        _manifest_form(manifest)
    except Wrong as wrong:
        raise wrong.placed(MANIFEST) from None
    return manifest


def _manifest_form(manifest: dict[str, Any]) -> None:
    if manifest.get("kind") != "AuditorPack" or manifest.get("format") != FORMAT:
        raise Wrong(f"It is no manifest of an auditor pack of format {FORMAT}.")
    kinds = {"scope": dict, "log": dict, "files": list, "outside": list, "counts": dict}
    for name, kind in kinds.items():
        if not isinstance(manifest.get(name), kind):
            raise Wrong(f'"{name}" is missing or of the wrong form.')
    before = ""
    for entry in manifest["files"]:
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str) or path <= before or path in (MANIFEST, SEAL):
            raise Wrong("The list of files is not in order, or names one twice.")
        before = path


def _contents(found: Files, manifest: dict[str, Any]) -> None:
    """Nothing missing, nothing extra, nothing changed."""
    there = found.paths()
    named = {entry["path"]: entry for entry in manifest["files"]}
    for path in sorted({*named, MANIFEST, SEAL} - there.keys()):
        raise Wrong("It is missing.", file=path)
    for path in sorted(there.keys() - named.keys() - {MANIFEST, SEAL}):
        raise Wrong("It is in the pack, and the manifest does not name it.", file=path)
    for path, entry in named.items():
        if there[path] != entry.get("size") or files.digest(found, path) != entry.get("sha256"):
            raise Wrong("It is not the file that the manifest names: it was changed.", file=path)


def _own_keys(found: Files) -> list[keys.Key]:
    try:
        return keys.read_set(jcs.read(files.whole(found, KEYS), "The key set"), "the pack's key set")
    except Wrong as wrong:
        raise wrong.placed(KEYS) from None


def _seal(
    found: Files, manifest: dict[str, Any], trusted: list[keys.Key], at: datetime
) -> envelopes.Statement:
    try:
        seal = envelopes.read(envelopes.in_one_form(files.whole(found, SEAL), trusted), trusted)
        if seal.doc["predicateType"] != PACK_TYPE:
            raise Wrong("What was signed is no auditor pack.")
        if seal.subjects() != [f"sha256:{files.digest(found, MANIFEST)}"]:
            raise Wrong("The manifest is not the one that was signed.")
        if any(seal.predicate.get(name) != manifest[name] for name in ("scope", "log", "counts")):
            raise Wrong("The seal and the manifest tell different things.")
        if all(key.revoked is not None for key in seal.keys):
            raise Wrong("The key that signed the pack was revoked.")
        _not_later(seal, at)
    except Wrong as wrong:
        raise wrong.placed(SEAL) from None
    return seal


def _not_later(statement: envelopes.Statement, at: datetime) -> None:
    if statement.signed_at > at:
        raise Wrong(f"It was signed at {statement.signed_at.isoformat()}, after {at.isoformat()}.")


# --- Statements and what they name -----------------------------------------------------------------------


def _statements(
    found: Files, manifest: dict[str, Any], log: Log, trusted: list[keys.Key], at: datetime
) -> dict[str, envelopes.Statement]:
    sealed: dict[str, envelopes.Statement] = {}
    before = ""
    with files.opened(found, STATEMENTS) as file:
        for number, line in enumerate(files.lines(file), 1):
            try:
                one = envelopes.read(jcs.read(line, "The envelope"), trusted)
                _not_later(one, at)
                _in_time(one, log)
                if one.digest <= before:
                    raise Wrong("The statements are not in the order of their digests.")
            except Wrong as wrong:
                raise wrong.placed(STATEMENTS, number) from None
            before = one.digest
            sealed[before] = one
    if len(sealed) != manifest["counts"].get("statements"):
        raise Wrong("The manifest counts other statements.", file=STATEMENTS)
    return sealed


def _in_time(one: envelopes.Statement, log: Log) -> None:
    """Sealed by an event; under a revoked key only where the log shows that it was before."""
    places = log.sealed.get(one.digest, [])
    if not places:
        raise Wrong(f"No event of the pack sealed the statement {one.digest}.")
    if any(key.revoked is None for key in one.keys):
        return
    for key in one.keys:
        ended = log.revocations.get(key.id)
        if (
            key.revoked is not None
            and one.signed_at < key.revoked
            and ended is not None
            and places[0] < ended
        ):
            return
    raise Wrong(f"The key of the statement {one.digest} was revoked, and nothing shows that it came before.")


def _facts(found: Files, manifest: dict[str, Any], sealed: dict[str, envelopes.Statement]) -> None:
    """The facts in plain JSON are the signed bytes, each once."""
    left = set(sealed)
    for entry in manifest["files"]:
        path: str = entry["path"]
        if not path.startswith("facts/"):
            continue
        for number, line in enumerate(_lines(found, path), 1):
            told = envelopes.digest(line)
            if told not in left:
                raise Wrong("It is not what any statement of the pack says.", file=path, index=number)
            left.discard(told)
    if left:
        raise Wrong(f"The statement {min(left)} is told by none of the facts.", file=STATEMENTS)


def _lines(found: Files, path: str) -> Iterator[bytes]:
    with files.opened(found, path) as file:
        yield from files.lines(file)


def _dangling(log: Log, sealed: dict[str, envelopes.Statement], outside: set[str]) -> None:
    for digest, places in log.sealed.items():
        if digest not in sealed and digest not in outside:
            raise Wrong(
                f"It seals the statement {digest}, which is not in the pack.",
                file=log.EVENTS,
                index=places[0],
            )
    for number, one in enumerate(sealed.values(), 1):
        for named in sorted(one.names() - sealed.keys() - outside):
            raise Wrong(f"It names {named}, which is not in the pack.", file=STATEMENTS, index=number)


def _reports(manifest: dict[str, Any], log: Log, sealed: dict[str, envelopes.Statement]) -> str:
    revised = [one for one in sealed.values() if one.doc["predicateType"].startswith(REVISION)]
    superseded = {one.predicate.get("before") for one in revised}
    count = 0
    for entry in manifest["files"]:
        if not entry["path"].endswith(".pdf"):
            continue
        count += 1
        told = f"sha256:{entry['sha256']}"
        if told not in log.reported:
            raise Wrong("No event of the pack names this report.", file=entry["path"])
        if told in superseded:
            raise Wrong("A later signature was cut off from this report.", file=entry["path"])
    return f"{count}, each the newest that an event names"
