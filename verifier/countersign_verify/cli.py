"""The command line: what is asked, and the answer with its exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from countersign_verify import VERSION, jcs, keys, notes, pdf, receipts, stamps, withdrawn
from countersign_verify.faults import Unreadable, Wrong
from countersign_verify.files import open_pack
from countersign_verify.pack import verify
from countersign_verify.trust import Account, Trust

GENUINE, NOT_GENUINE, COULD_NOT = 0, 1, 4
LARGEST = 1 << 24
NOT_PINNED = "It fits the keys inside itself, which anybody can put there; give --keys (or --trust-embedded)."


def main(words: Sequence[str] | None = None) -> int:
    """Verify a pack; the exit code says whether it is genuine."""
    args = _parser().parse_args(words)
    answer: dict[str, Any] = {"pack": args.pack, "genuine": None, "why": None, "pinned": False, "says": []}
    try:
        account = _account(_there(args.pack), _trust(args))
    except Wrong as wrong:
        answer |= {"genuine": False, "why": wrong.told(), "file": wrong.file, "index": wrong.index}
    except (Unreadable, OSError) as error:
        answer |= {"why": str(error)}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        answer |= {"genuine": False, "why": f"It cannot be understood: {type(error).__name__}."}
    else:
        answer |= _told(account, args)
    sys.stdout.write(json.dumps(answer, indent=2) + "\n" if args.format == "json" else _text(answer))
    return {True: GENUINE, False: NOT_GENUINE, None: COULD_NOT}[answer["genuine"]]


def _account(place: Path, trust: Trust) -> Account:
    """What is found in a pack, or in a receipt that somebody kept."""
    if place.is_file():
        with place.open("rb") as file:
            head = file.read(len(receipts.HEADER))
        if head == receipts.HEADER:
            if trust.keys is None:
                raise Wrong("A receipt holds no keys: give the service's with --keys.")
            return Account(True, receipts.verify(_bytes(str(place)), list(trust.keys)), what="receipt")
    return verify(open_pack(place), trust)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="countersign-verify", description="Is this auditor pack genuine? No network.", allow_abbrev=False
    )
    add = parser.add_argument
    add("pack", metavar="PACK", help="an auditor pack, as archive or as folder; or a receipt")
    add("--keys", metavar="FILE", action="append", help="the service's keys: its key set, or PEM; repeatable")
    add("--trust-embedded", action="store_true", help="accept the keys that are only inside the pack")
    add("--witness-key", metavar="KEY", action="append", default=[], help="name+id+base64; repeatable")
    add("--tsa-certificate", metavar="FILE", action="append", default=[], help="PEM; repeatable")
    add("--checkpoint", metavar="FILE", action="append", default=[], help="one that you kept; repeatable")
    add("--at", metavar="TIME", help="ask as of a time, such as 2026-03-01T12:00:00Z")
    add("--format", choices=("text", "json"), default="text")
    add("--version", action="version", version=VERSION)
    return parser


def _there(name: str) -> Path:
    place = Path(name)
    try:
        place.stat()
    except (OSError, ValueError) as error:
        raise Unreadable(f"{name} cannot be read: {getattr(error, 'strerror', error)}.") from None
    return place


def _trust(args: argparse.Namespace) -> Trust:
    """What was given; a file or a key that cannot be understood is no fault of the pack."""
    try:
        given = [_given(name) for name in args.keys or ()]
        own = [c for n in args.tsa_certificate for c in stamps.read_certificates(_bytes(n), n)]
        authorities = [*own, *(c for _, pinned in given for c in pinned.authorities)]
        return Trust(
            at=keys.moment(args.at, "--at") if args.at else datetime.now(UTC),
            keys=[key for found, _ in given for key in found] if args.keys else None,
            witnesses=[notes.read_witness(text) for text in args.witness_key],
            authorities=authorities,
            signers=[c for _, pinned in given for c in pinned.signers],
            lists=[text for _, pinned in given for text in pinned.lists],
            kept=[notes.read(_bytes(name)) for name in args.checkpoint],
        )
    except Wrong as wrong:
        raise Unreadable(str(wrong)) from None


def _given(name: str) -> tuple[list[keys.Key], pdf.Pinned]:
    """The keys of a file, and the certificates of signers and of those who stamp time."""
    data = _bytes(name)
    if data.lstrip()[:1] == b"{":
        doc = jcs.read(data, name)
        return keys.read_set(doc, name), pdf.pinned_in(doc, name)
    found = stamps.read_certificates(data if b"BEGIN CERTIFICATE" in data else b"", name)
    return keys.read_pem(data, name), pdf.Pinned(found, found, withdrawn.lists_in_pem(data))


def _bytes(name: str) -> bytes:
    place = _there(name)
    if place.stat().st_size > LARGEST:
        raise Unreadable(f"{name} is larger than {LARGEST >> 20} MiB.")
    return place.read_bytes()


def _told(account: Account, args: argparse.Namespace) -> dict[str, Any]:
    good = account.pinned or args.trust_embedded
    return {
        "genuine": good,
        "why": None if good else NOT_PINNED,
        "pinned": account.pinned,
        "what": account.what,
        "says": [list(pair) for pair in account.says],
    }


def _text(answer: dict[str, Any]) -> str:
    words = {True: f"genuine {answer.get('what')}", False: "not genuine. ", None: "could not be verified. "}
    lines = [f"{answer['pack']}: {words[answer['genuine']]}{answer['why'] or ''}"]
    if answer["genuine"] and not answer["pinned"]:
        lines.append("  warning: NOT PINNED: the only keys are those inside the pack.")
    lines += [f"  {name:<12} {value}" for name, value in answer["says"]]
    return "".join(_safe(line) + "\n" for line in lines)


def _safe(text: str) -> str:
    """A line without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
