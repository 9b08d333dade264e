"""Answers of the deploy gate where the service is not: which artifact they are for, and until which epoch.

A cluster holds pinned keys, the newest signed list of revocations and the answers that pipelines left there.
Each answer names the epoch in which it was given. Whatever takes a permission away begins a new epoch, and a
verifier that has seen the newer one refuses every answer from before it; the service gives those that still
hold once more.

An answer may also carry the proof that the decision under it stands in the log: whoever holds the signing key
of answers alone, and no place in a log that others watch, then allows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from apps.engine.canonical import read_json, rfc3339
from apps.engine.keys import KeySet
from apps.engine.note import LogProof
from apps.engine.statement import DIGEST, NotGenuine, signed_at, verify

REVOCATIONS: Final = "https://countersign.dev/revocations/v1"
# How old a list of revocations may be before a verifier trusts nothing any more.
OLDEST_LIST: Final = timedelta(hours=24)


def epoch_of(said: Mapping[str, Any], name: str) -> int:
    """The epoch that something signed names; NotGenuine where it is no whole number of zero or more.

    Examples
    --------
    >>> epoch_of({"epoch": 7}, "epoch")
    7
    """
    found = said.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise NotGenuine(f'Its "{name}" is {found!r}; expected a whole number of zero or more.')
    return found


def in_epoch(terms: Mapping[str, Any], newest: int | None) -> None:
    """Refuse an answer that was given before the newest epoch; nothing is asked where none is known.

    Examples
    --------
    >>> in_epoch({"revocationEpoch": 7}, 7)
    """
    if newest is None:
        return
    given = epoch_of(terms, "revocationEpoch")
    if given < newest:
        raise NotGenuine(
            f"The admission was given in the revocation epoch {given}; the newest is {newest}. Ask again."
        )


def policies_named(predicate: Mapping[str, Any]) -> None:
    """Refuse an answer that allows and does not name by digest the policies that it was given under.

    Examples
    --------
    >>> policies_named({"policy": {"uri": "p", "digest": {"sha256": "0" * 64}}})
    """
    terms = predicate.get("countersign")
    every = terms.get("policies") if isinstance(terms, Mapping) else None
    for policy in [predicate.get("policy"), *(every if isinstance(every, list) else [])]:
        told = policy.get("digest") if isinstance(policy, Mapping) else None
        named = told.get("sha256") if isinstance(told, Mapping) else None
        if not isinstance(named, str) or not DIGEST.fullmatch(f"sha256:{named}"):
            raise NotGenuine("The admission allows, yet does not name its policy by digest.")


def in_log(predicate: Mapping[str, Any], keys: KeySet | None, *, required: bool) -> int | None:
    """The index at which the log holds the decision that an answer rests on; None where none is told.

    Parameters
    ----------
    predicate : Mapping
        Of the answer. What it tells of the log must hold, whether it is required or not.
    keys : KeySet or None
        Pinned; those of the log must be among them.
    required : bool
        Whether an answer that tells nothing of the log is refused.

    Raises
    ------
    Problem
        With the first thing that is wrong.

    Examples
    --------
    >>> in_log({"countersign": {}}, None, required=False)
    """
    terms = predicate.get("countersign")
    told = terms.get("log") if isinstance(terms, Mapping) else None
    if told is None and not required:
        return None
    if not isinstance(told, Mapping) or keys is None:
        raise NotGenuine("The admission does not prove that its decision stands in the log.")
    decision, text = told.get("statement"), told.get("proof")
    if not isinstance(text, str) or not isinstance(decision, str) or decision not in _rests_on(predicate):
        raise NotGenuine("What the admission proves of the log is not about a statement that it rests on.")
    proof = LogProof.parse(text.encode())
    proof.verify(proof.extra, keys)
    event = read_json(proof.extra, what="The event in the log")
    after = event.get("after") if isinstance(event, Mapping) else None
    if not isinstance(after, Mapping) or after.get("statement") != decision:
        raise NotGenuine("The event that the admission proves sealed another statement than its decision.")
    return proof.index


def _rests_on(predicate: Mapping[str, Any]) -> set[str]:
    """The digests of the statements that an answer names as its inputs."""
    every = predicate.get("inputAttestations")
    found = (
        [one.get("digest") for one in every if isinstance(one, Mapping)] if isinstance(every, list) else []
    )
    return {f"sha256:{one.get('sha256')}" for one in found if isinstance(one, Mapping)}


def newest_epoch(data: bytes, keys: KeySet, *, at: datetime, oldest: timedelta = OLDEST_LIST) -> int:
    """The epoch of a signed list of revocations.

    Parameters
    ----------
    data : bytes
        The list as the service gives it out: a DSSE envelope.
    oldest : timedelta
        How old it may be: whoever withholds newer lists shall not keep a verifier in the past.

    Raises
    ------
    Problem
        With the first thing that is wrong.
    """
    doc = read_json(data, what="The list of revocations")
    if not isinstance(doc, Mapping):
        raise NotGenuine("The list of revocations is no signed statement.")
    statement = verify(doc, keys, at=at)
    if statement.get("predicateType") != REVOCATIONS:
        raise NotGenuine("The signed statement is no list of revocations.")
    signed = signed_at(statement)
    if at - signed > oldest:
        hours = int(oldest.total_seconds() // 3600)
        raise NotGenuine(f"The list of revocations is of {rfc3339(signed)}, more than {hours} hours old.")
    return epoch_of(statement["predicate"], "epoch")
