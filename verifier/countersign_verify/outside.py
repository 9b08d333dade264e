"""What vouches for a pack from outside: kept checkpoints, witnesses, time stamps, signatures in reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from countersign_verify import envelopes, files, jcs, notes, pdf, stamps
from countersign_verify.faults import Wrong
from countersign_verify.files import Files
from countersign_verify.log import Log
from countersign_verify.trust import Account, Trust

KEYS = "keys.json"
REVISION = "https://countersign.dev/report"
_STAMP = re.compile(r"stamps/([0-9a-f]{64})\.tsr")


def kept(log: Log, own: Sequence[notes.Checkpoint]) -> None:
    """The log still holds what checkpoints held that somebody kept; Wrong where it does not."""
    for one in own:
        if not log.knows(one.origin):
            raise Wrong(f"The checkpoint that you kept is of {one.origin}, the pack's of {log.origin}.")
        if log.declares_lost(one):
            continue
        if one.size not in log.roots:
            raise Wrong(f"The pack does not tell the root of {one.size} events; a pack of everything does.")
        if log.roots[one.size] != one.root:
            raise Wrong(f"The first {one.size} events are not those of the checkpoint that you kept.")


def vouched(found: Files, log: Log, trust: Trust, account: Account) -> None:
    """Say which witnesses and which time stamps hold; Wrong where one that must does not."""
    counted = sum(len(c.signatures) - 1 for c in log.checkpoints.values())
    if trust.witnesses:
        account.say("witnesses", _witnessed(log, trust.witnesses))
    else:
        account.say("witnesses", f"NOT CHECKED, no --witness-key given; {counted} lines beside the log's own")
    if not trust.authorities:
        count = len(log.tokens) + len(_stamps(found))
        account.say("time stamps", f"NOT CHECKED, no --tsa-certificate given; {count} in the pack")
        return
    newest = _stamped(found, log, trust.authorities)
    for digest, path in _stamps(found).items():
        _stamp(found, path, [bytes.fromhex(digest)], trust.authorities)
    told = f"{len(log.tokens)} of checkpoints and {len(_stamps(found))} of statements hold"
    account.say("time stamps", told + (f"; the newest: {newest}" if newest else ""))


def _stamps(found: Files) -> dict[str, str]:
    """By digest in hex, the time stamp of a statement."""
    return {m[1]: m[0] for m in map(_STAMP.fullmatch, sorted(found.paths())) if m}


def _stamp(found: Files, path: str, known: Iterable[bytes], authorities: Sequence[Any]) -> datetime:
    try:
        return stamps.verify(files.whole(found, path), known, authorities)
    except Wrong as wrong:
        raise wrong.placed(path) from None


def _witnessed(log: Log, witnesses: Sequence[notes.Witness]) -> str:
    told = []
    for witness in witnesses:
        seen = 0
        for path, checkpoint in log.named():
            try:
                seen = max(seen, checkpoint.size if notes.cosigned(checkpoint, witness) else 0)
            except Wrong as wrong:
                raise wrong.placed(path) from None
        if not seen:
            raise Wrong(f"The witness {witness.name} cosigned none of the checkpoints.")
        told.append(f"{witness.name} cosigned the first {seen} of {log.size} events")
    return "; ".join(told)


def _stamped(found: Files, log: Log, authorities: Sequence[Any]) -> str:
    newest = ""
    for size, path in sorted(log.tokens.items()):
        if size not in log.raw:
            raise Wrong("There is no checkpoint beside this time stamp.", file=path)
        at = _stamp(found, path, stamps.of_note(log.raw[size]), authorities)
        newest = f"{size} events at {at.isoformat()}"
    return newest


def _certificates(found: Files, trust: Trust) -> pdf.Pinned:
    """What signatures in reports are judged by: what was given, else what the pack brings along."""
    if trust.keys is not None:
        return pdf.Pinned(trust.signers, trust.authorities, trust.lists)
    try:
        return pdf.pinned_in(jcs.read(files.whole(found, KEYS), "The key set"), "the pack's key set")
    except Wrong as wrong:
        raise wrong.placed(KEYS) from None


def signatures(
    found: Files, manifest: dict[str, Any], sealed: dict[str, envelopes.Statement], trust: Trust
) -> str:
    """The signatures inside the reports are those that the statements tell of."""
    pinned = _certificates(found, trust)
    revised = [one.predicate for one in sealed.values() if one.doc["predicateType"].startswith(REVISION)]
    after = {said["after"]: said for said in revised if isinstance(said.get("after"), str)}
    told = {e["path"]: f"sha256:{e['sha256']}" for e in manifest["files"] if e["path"].endswith(".pdf")}
    signers = {path: pdf.signers_of(after, revision) for path, revision in told.items()}
    count = sum(map(len, signers.values()))
    if not pinned.signers or not pinned.authorities:
        return f"{count} told, NOT CHECKED: the keys hold no certificates of signers and of their time stamps"
    for path, wanted in signers.items():
        try:
            if wanted:
                pdf.verify(files.whole(found, path), wanted, pinned)
        except Wrong as wrong:
            raise wrong.placed(path) from None
    return f"{count} hold and reach to the last byte; `countersign verify` compares the revisions between"
