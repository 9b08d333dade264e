"""Verify a file that the service gave out: what it is, whether it is genuine, and what it says.

Nothing is looked up anywhere: bytes, trusted keys and a moment come in. A file that carries its own
keys proves only that it fits itself; that is said, and `pinned` is False.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from apps.engine import offline
from apps.engine.canonical import canonical, digest, read_json, read_time, rfc3339
from apps.engine.errors import BadInput
from apps.engine.intoto import SVR
from apps.engine.keys import KeySet
from apps.engine.note import BadNote, LogProof, open_checkpoint
from apps.engine.statement import DIGEST, NotGenuine, signed_at, verify
from apps.engine.verified import NOT_PINNED, Question, Verified

VERIFICATION_SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
_PLACE: Final = re.compile(r"countersign://models/([^/]+)/versions/([^/?]+)\?env=.*")


def examine(data: bytes, question: Question) -> Verified:
    """Verify a file of any kind that the service gives out.

    Raises
    ------
    Problem
        `NotGenuine`, `BadNote` or `BadProof` with the first thing that is wrong; `BadInput` when it
        is no file of a known kind.
    """
    if data.startswith(b"%PDF-"):
        from apps.engine.verify_pdf import examine_report

        return examine_report(data, question)
    if data.startswith(b"c2sp.org/tlog-proof@"):
        return _log_proof(data, question)
    if data.lstrip()[:1] == b"{":
        return _json(data, question)
    if "\n\n— ".encode() in data:
        return _checkpoint(data, question)
    raise BadInput("It is neither a statement, an admission, a checkpoint, a log proof nor a signed report.")


# --- Statements and admissions --------------------------------------------------------------------------


def _json(data: bytes, question: Question) -> Verified:
    doc = read_json(data, what="The file")
    if isinstance(doc.get("proof"), Mapping):
        return _told_proof(doc, question)
    envelope = doc if "payloadType" in doc else doc.get("statement")
    if not isinstance(envelope, Mapping) or "payloadType" not in envelope:
        raise BadInput('The JSON holds no signed statement: there is neither "payloadType" nor "statement".')
    keys, pinned = _trusted(question, doc.get("keys"))
    statement = verify(envelope, keys, at=question.at, threshold=question.threshold)
    if question.artifact is not None:
        _about(statement, question.artifact)
    answer = _READ.get(str(statement.get("predicateType")), _fact)(statement, replace(question, keys=keys))
    if doc is not envelope:
        _outer_agrees(doc, statement)
    return replace(answer, pinned=pinned, warnings=() if pinned else (NOT_PINNED,))


def _trusted(question: Question, embedded: Any) -> tuple[KeySet, bool]:
    if question.keys is not None:
        return question.keys, True
    if embedded is None:
        raise NotGenuine("There is no key to verify it with: give the service's keys with --keys.")
    return KeySet.from_json(embedded, what='"keys" of the file'), False


def _subjects(statement: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for subject in statement["subject"]:
        named = _mapping(_mapping(subject).get("digest")).get("sha256")
        if not isinstance(named, str) or not DIGEST.fullmatch(f"sha256:{named}"):
            raise NotGenuine("The statement has a subject without a SHA-256 digest.")
        found.append((str(subject.get("name", "")), f"sha256:{named}"))
    if not found:
        raise NotGenuine("The statement is about nothing: it has no subject.")
    return found


def _about(statement: Mapping[str, Any], artifact: str) -> None:
    subjects = _subjects(statement)
    if artifact not in {named for _, named in subjects}:
        name, named = subjects[0]
        raise NotGenuine(f"The artifact at hand is {artifact}; the statement is about {name}, {named}.")


def _says(statement: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [("about", f"{name} {named}") for name, named in _subjects(statement)]
    return [*lines, ("type", str(statement.get("predicateType"))), ("signed", rfc3339(signed_at(statement)))]


def _fact(statement: Mapping[str, Any], question: Question) -> Verified:
    if question.environment is not None:
        raise NotGenuine("It is not an admission, so it permits nothing in any environment.")
    predicate = statement["predicate"]
    plain = [
        (k, str(v)) for k, v in predicate.items() if isinstance(v, (str, int, float)) and k != "signedAt"
    ]
    return Verified(kind="statement", says=[*_says(statement), *plain])


def _approvals(statement: Mapping[str, Any], question: Question) -> Verified:
    """What was approved when it was taken away; it permits nothing, which only an admission does."""
    found, told = _fact(statement, question), statement["predicate"].get("properties")
    properties = told if isinstance(told, list) else []
    return replace(found, says=[*found.says, *(("property", str(one)) for one in properties)])


def _admission(statement: Mapping[str, Any], question: Question) -> Verified:
    predicate = statement["predicate"]
    terms = predicate.get("countersign")
    if not isinstance(terms, Mapping):
        raise NotGenuine('The admission has no "countersign" block, so neither environment nor end is known.')
    environment = terms.get("environment")
    if question.environment is not None and environment != question.environment:
        raise NotGenuine(
            f'The admission is for the environment "{environment}", not "{question.environment}".'
        )
    allowed = predicate.get("verificationResult") == "PASSED"
    _of_one_mind(terms, allowed)
    if allowed:
        offline.policies_named(predicate)
    offline.in_epoch(terms, question.epoch)
    index = offline.in_log(predicate, question.keys, required=question.logged) if allowed else None
    end = _end(terms, allowed)
    if end is not None and question.at >= end:
        raise NotGenuine(f"The admission ended at {rfc3339(end)}.")
    says = [
        ("answer", "allowed" if allowed else "DENIED"),
        ("environment", str(environment)),
        *([("valid until", rfc3339(end))] if end else []),
        *([("in the log", f"its decision, at {index}")] if index is not None else []),
        *_says(statement),
        *[("limit", f"{k} = {v}") for k, v in sorted(_mapping(terms.get("limits")).items())],
        *[("reason", _sentence(reason)) for reason in terms.get("reasons") or ()],
    ]
    return Verified(kind="admission", says=says, allowed=allowed)


def _of_one_mind(terms: Mapping[str, Any], allowed: bool) -> None:
    """What an admission says in several places must agree, and its limits and reasons must be readable."""
    outcome, limits, reasons = (terms.get(name) for name in ("outcome", "limits", "reasons"))
    if (outcome in ("allow", "allow_with_limits")) is not allowed:
        said = "PASSED" if allowed else "not PASSED"
        raise NotGenuine(
            f"The admission contradicts itself: it is {said}, and its outcome {_short(outcome)}."
        )
    if not isinstance(limits, Mapping) and (limits is not None or outcome == "allow_with_limits"):
        raise NotGenuine(f"The limits of the admission cannot be read: {_short(limits)}.")
    if reasons is not None and not isinstance(reasons, list):
        raise NotGenuine(f"The reasons of the admission cannot be read: {_short(reasons)}.")


def _revocations(statement: Mapping[str, Any], question: Question) -> Verified:
    if question.environment is not None:
        raise NotGenuine("It is a list of revocations, so it permits nothing in any environment.")
    predicate = statement["predicate"]
    says = [("epoch", str(offline.epoch_of(predicate, "epoch"))), ("signed", rfc3339(signed_at(statement)))]
    return Verified(kind="list of revocations", says=says)


_READ: Mapping[str, Callable[[Mapping[str, Any], Question], Verified]] = {
    VERIFICATION_SUMMARY: _admission,
    offline.REVOCATIONS: _revocations,
    SVR: _approvals,
}


def _end(terms: Mapping[str, Any], allowed: bool) -> datetime | None:
    """Until when an admission holds; one that allows must say it, a denial need not."""
    if terms.get("notAfter") is None and not allowed:
        return None
    try:
        return read_time(terms.get("notAfter"), what='"notAfter" of the admission')
    except BadInput as error:
        raise NotGenuine(str(error)) from error


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sentence(reason: Any) -> str:
    return (
        str(reason.get("message") or reason.get("sentence") or reason)
        if isinstance(reason, Mapping)
        else str(reason)
    )


def _outer_agrees(doc: Mapping[str, Any], statement: Mapping[str, Any]) -> None:
    """The unsigned answer around a statement must say what the statement says."""
    _agree(doc, _signed(statement["predicate"]) | {"statement_digest": digest(canonical(statement))})
    request = _mapping(doc.get("request"))
    _agree({f"request.{name}": value for name, value in request.items()}, _asked(statement["predicate"]))


def _agree(told: Mapping[str, Any], signed: Mapping[str, Any]) -> None:
    for name, value in signed.items():
        if name in told and told[name] != value:
            raise NotGenuine(
                f'The file says "{name}" is {_short(told[name])}; what was signed says {_short(value)}.'
            )


def _signed(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """What the answer around an admission repeats of it, by the answer's own words."""
    terms = _mapping(predicate.get("countersign"))
    return {
        "allowed": predicate.get("verificationResult") == "PASSED",
        "outcome": terms.get("outcome"),
        "reasons": terms.get("reasons"),
        "limits": terms.get("limits"),
        "expires_at": terms.get("notAfter"),
        "break_glass": terms.get("breakGlass"),
        **({"id": terms["admissionId"]} if "admissionId" in terms else {}),
    }


def _asked(predicate: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked, as far as the admission says it."""
    terms = _mapping(predicate.get("countersign"))
    found = {f"request.{name}": terms[name] for name in ("environment", "use") if name in terms}
    asked = terms.get("asked")
    if isinstance(asked, Mapping):
        found["request.digest"] = asked.get("digest")
    place = _PLACE.fullmatch(str(predicate.get("resourceUri")))
    return found | ({"request.model": place[1], "request.version": place[2]} if place else {})


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


# --- The log ---------------------------------------------------------------------------------------------


def _log_keys(question: Question) -> KeySet:
    if question.keys is None:
        raise NotGenuine("There is no key to verify it with: give the service's keys with --keys.")
    return question.keys


def _checkpoint(data: bytes, question: Question) -> Verified:
    found = open_checkpoint(data, _log_keys(question))
    says = [("log", found.origin), ("events", str(found.size)), ("root", found.root.hex())]
    return Verified(kind="checkpoint", says=says)


def _log_proof(data: bytes, question: Question) -> Verified:
    proof = LogProof.parse(data)
    if not proof.extra:
        raise BadNote("The proof does not hold the event that it proves.")
    found = proof.verify(proof.extra, _log_keys(question))
    event = read_json(proof.extra, what="The event")
    says = [
        ("log", found.origin),
        ("index", f"{proof.index} of {found.size}"),
        ("event", f"{event.get('action')} at {event.get('ts')}"),
        ("about", " ".join(str(v) for v in _mapping(event.get("object")).values())),
        ("digest", digest(proof.extra)),
    ]
    return Verified(kind="log proof", says=says)


def _told_proof(doc: Mapping[str, Any], question: Question) -> Verified:
    """An event as the service tells it, with its proof; what stands around the proof must agree with it."""
    text = doc["proof"].get("text")
    if not isinstance(text, str):
        raise BadInput('The proof of the file holds no "text".')
    found = _log_proof(text.encode(), question)
    proved = LogProof.parse(text.encode())
    if doc.get("body") != proved.extra.decode():
        raise NotGenuine('The "body" of the file is not the event that was proved.')
    return found
