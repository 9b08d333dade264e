"""`countersign verify`: is a file of the service genuine, and what does it say? No network."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.cli.model_signature import examine_model
from apps.cli.output import as_json
from apps.cli.text import safe
from apps.engine.allowed import allowed_here
from apps.engine.canonical import read_json, read_time
from apps.engine.cosignature import Cosigner
from apps.engine.errors import BadInput, Problem
from apps.engine.files import read_document
from apps.engine.keys import KeySet
from apps.engine.offline import newest_epoch
from apps.engine.statement import NotGenuine
from apps.engine.verified import Question, Verified
from apps.engine.verify import examine
from apps.engine.verify_pack import examine_pack, is_pack

GENUINE, NOT_GENUINE, COULD_NOT = 0, 1, 4
LARGEST = 1 << 29
_FILES = "an auditor pack, a statement, admission, checkpoint, log proof or report"
_WITNESS = "name+id+base64 of a witness that must have cosigned a pack's log; repeatable"
_AUTHORITY = "PEM certificate of a time-stamping authority, beside those of --keys; repeatable"
_MODEL = "an OpenSSF model signature: --artifact must be exactly the files that --key signed"
_SIGNER = "a name or certificate fingerprint that must have signed a report; repeatable"

_NOT_WITH_A_MODEL: dict[str, Any] = {
    **dict.fromkeys(("keys", "answers", "revocations", "epoch", "environment")),
    **dict.fromkeys(("in_log", "trust_embedded", "allowed"), False),
    **{"files": [], "signer": [], "witness_key": [], "tsa_certificate": [], "threshold": 1},
}


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser(
        "verify", help="verify statements, packs and reports offline", allow_abbrev=False
    )
    add = command.add_argument
    add(
        "files",
        nargs="*",
        metavar="FILE",
        help="an auditor pack, a statement, admission, checkpoint, log proof or report; without one, the "
        "answers that lie beside --artifact must let it run in --environment",
    )
    add("--keys", metavar="FILE", action="append", help="the service's keys: its key set, or PEM")
    add("--answers", metavar="DIR", help="where answers of the deploy gate lie, instead of beside --artifact")
    add("--revocations", metavar="FILE", help="the newest list of revocations: older answers are refused")
    add("--epoch", type=int, metavar="N", help="the newest revocation epoch that was seen before")
    add("--threshold", type=int, default=1, metavar="N", help="how many different keys must have signed")
    add(
        "--in-log",
        action="store_true",
        help="refuse an answer without the proof that its decision is in the log",
    )
    add("--trust-embedded", action="store_true", help="accept keys that are only inside the file")
    add("--artifact", metavar="PATH", help="the artifact at hand, which a statement must be about")
    add("--environment", metavar="E", help="the environment that an admission must be for")
    add("--at", metavar="TIME", help="ask as of a time, such as 2026-03-01T12:00:00Z")
    add("--signer", metavar="WHO", action="append", default=[], help=_SIGNER)
    add("--witness-key", metavar="KEY", action="append", default=[], help=_WITNESS)
    add("--tsa-certificate", metavar="FILE", action="append", default=[], help=_AUTHORITY)
    add("--model-signature", metavar="FILE", help=_MODEL)
    add("--key", metavar="FILE", help="with --model-signature: the signer's public key or certificate, PEM")
    add("--allowed", action="store_true", help="fail unless it is an admission that allows")
    add("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    """Verify each file; the exit code is the worst of them."""
    if args.model_signature or args.key:
        return _told([_model(args)], args)
    question = _question(args)
    if not args.files:
        return _may_run_here(question, args)
    return _told([_answer(name, question, args) for name in args.files], args)


def _told(answers: Sequence[tuple[int, dict[str, Any]]], args: argparse.Namespace) -> int:
    if args.format == "json":
        sys.stdout.write(as_json({"kind": "Verification", "files": [a for _, a in answers]}))
    else:
        for _, answer in answers:
            sys.stdout.write(_text(answer))
    return max(status for status, _ in answers)


def _model(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Whether the artifact is what a model signature says; nothing else is asked in the same breath."""
    if not args.model_signature or not args.artifact or not args.key:
        raise BadInput("A model signature needs --model-signature, --artifact and --key.")
    given = [name for name, usual in _NOT_WITH_A_MODEL.items() if getattr(args, name) != usual]
    if given:
        said = "FILE" if given[0] == "files" else f"--{given[0].replace('_', '-')}"
        raise BadInput(f"{said} does not go with --model-signature: ask for it apart.")
    places = (Path(args.model_signature), Path(args.artifact), Path(args.key))
    answer = examine_model(*places, _moment(args))
    return (GENUINE if answer["genuine"] else NOT_GENUINE), answer


def _moment(args: argparse.Namespace) -> datetime:
    return read_time(args.at, what="--at") if args.at else datetime.now(UTC)


def _question(args: argparse.Namespace) -> Question:
    at = _moment(args)
    keys = _trusted(args)
    if args.threshold < 1:
        raise BadInput(f"--threshold is {args.threshold}; at least one key must have signed.")
    return Question(
        at=at,
        keys=keys,
        artifact=_digest(Path(args.artifact)) if args.artifact else None,
        environment=args.environment,
        signers=args.signer,
        witnesses=[Cosigner.parse(text) for text in args.witness_key],
        epoch=_epoch(args, keys, at),
        threshold=args.threshold,
        logged=args.in_log,
    )


def _epoch(args: argparse.Namespace, keys: KeySet | None, at: datetime) -> int | None:
    """The newest epoch of the list and of what was seen before; a list from before that is refused."""
    if not args.revocations:
        found: int | None = args.epoch
        return found
    if keys is None:
        raise BadInput("A list of revocations counts only under pinned keys: give --keys.")
    told = newest_epoch(read_file(Path(args.revocations)), keys, at=at)
    if args.epoch is not None and told < args.epoch:
        raise NotGenuine(f"The list of revocations is of epoch {told}; {args.epoch} was seen before.")
    return told


def _may_run_here(question: Question, args: argparse.Namespace) -> int:
    """Whether the artifact may run in the environment, by the answers that lie there."""
    if not args.artifact or not args.environment or not args.keys:
        raise BadInput("Give a FILE, or --artifact, --environment and --keys: may it run here?")
    artifact = Path(args.artifact)
    folder = Path(args.answers) if args.answers else artifact.parent
    allowed, why = allowed_here(answers_in(folder, str(question.artifact), artifact.name), question)
    answer = {"artifact": args.artifact, "digest": question.artifact, "environment": args.environment}
    if args.format == "json":
        said = {"kind": "OfflineAnswer", **answer, "allowed": allowed, "why": why or None}
        sys.stdout.write(as_json(said))
    else:
        verdict = "allowed" if allowed else f"NOT allowed. {safe(why)}"
        sys.stdout.write(f"{safe(args.artifact)} in {safe(args.environment)}: {verdict}\n")
    return GENUINE if allowed else NOT_GENUINE


def answers_in(folder: Path, digest: str, name: str = "") -> list[bytes]:
    """The answers about an artifact in a folder: `<hex digits>.json`, and `<name>.admission.json`."""
    places = [folder / f"{digest.removeprefix('sha256:')}.json"]
    places += [folder / f"{name}.admission.json"] if name else []
    return [read_file(place) for place in places if place.is_file()]


def _answer(name: str, question: Question, args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    place = Path(name)
    pack = is_pack(place)
    try:
        data = b"" if pack else read_file(place)
    except BadInput as error:
        return COULD_NOT, {"file": name, "genuine": None, "why": str(error)}
    try:
        found = examine_pack(place, question) if pack else examine(data, question)
    except Problem as error:  # whatever is wrong with what it holds, it is nothing that was given out
        return NOT_GENUINE, {"file": name, "genuine": False, "why": str(error)}
    why = _why_not(found, args)
    return (NOT_GENUINE if why else GENUINE), {
        "file": name,
        "genuine": why is None,
        "why": why,
        "pinned": found.pinned,
        "what": found.kind,
        "says": [list(pair) for pair in found.says],
        "warnings": list(found.warnings),
    }


def _why_not(found: Verified, args: argparse.Namespace) -> str | None:
    if not found.pinned and not args.trust_embedded:
        return "It fits the keys inside itself, which proves nothing; give --keys (or --trust-embedded)."
    if args.allowed and not found.allowed:
        return "It is not an admission that allows."
    return None


def _text(answer: dict[str, Any]) -> str:
    lines = [f"{safe(answer['file'])}: {_verdict(answer)}"]
    lines += [f"  warning: {safe(sentence)}" for sentence in answer.get("warnings", ())]
    lines += [f"  {name:<12} {safe(value)}" for name, value in answer.get("says", ())]
    return "\n".join(lines) + "\n"


def _verdict(answer: dict[str, Any]) -> str:
    if answer["genuine"] is None:
        return f"could not be verified. {safe(answer['why'])}"
    if answer["genuine"]:
        return f"genuine {answer['what']}"
    return f"not genuine. {safe(answer['why'])}"


def read_file(path: Path) -> bytes:
    """The bytes of a file that a person named; BadInput where it cannot be read or is too large."""
    data = read_document(path, LARGEST)
    if len(data) > LARGEST:
        raise BadInput(f"{path.name} is larger than {LARGEST >> 20} MiB.")
    return data


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    return f"sha256:{found.hexdigest()}"


def key_set(names: Sequence[str]) -> KeySet:
    """The keys of several files, each a key set or PEM."""
    sets = [_key_file(Path(name)) for name in names]
    records = tuple(record for found in sets for record in found.records)
    signers = tuple(text for found in sets for text in found.certificates)
    stamping = tuple(text for found in sets for text in found.authorities)
    return KeySet(records, signers, stamping, tuple(text for found in sets for text in found.revocations))


def _trusted(args: argparse.Namespace) -> KeySet | None:
    """The keys that were given, with the authorities beside them; None where no keys were."""
    if not args.keys:
        return None
    found = key_set(args.keys)
    stamping = [text for name in args.tsa_certificate for text in _key_file(Path(name)).authorities]
    return KeySet(found.records, found.certificates, (*found.authorities, *stamping), found.revocations)


def _key_file(path: Path) -> KeySet:
    data = read_file(path)
    if data.lstrip()[:1] == b"{":
        return KeySet.from_json(read_json(data, what=path.name), what=path.name)
    return KeySet.from_pem(data, what=path.name)
