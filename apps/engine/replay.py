"""A past decision decided again from what it rested on: the same bytes, or the first thing that differs.

A pack holds the decision's statement, the statements of its evidence, the resolved policies and the pinned
inputs. Nothing is looked up elsewhere: what the pack lacks is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.engine.canonical import canonical, digest, read_time
from apps.engine.decide import MeasuredGate, SubjectFacts, decide
from apps.engine.errors import BadInput
from apps.engine.keys import KeySet
from apps.engine.policy import Policy, monitoring, policy_of
from apps.engine.statement import payload_of, verify
from apps.engine.version import ENGINE_VERSION

KIND = "DecisionPack"
# What the statement adds to the engine's own decision.
_ADDED = ("run", "use", "purpose", "pins", "seed", "signedAt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What deciding again gave.

    Parameters
    ----------
    outcome : str
        As sealed.
    decided_at : datetime
        With a time zone.
    differences : tuple of str
        Each a sentence; empty where every byte is the same.
    measurements : Mapping
        The sealed measurement of each gate, for measuring again.
    machine : Mapping
        What the gates were measured on, as `apps.engine.machine.machine` tells it; empty where the evidence
        is older than that.
    """

    model: str
    version: str
    outcome: str
    decided_at: datetime
    gates: int
    differences: tuple[str, ...]
    policies: tuple[Policy, ...]
    measurements: Mapping[str, Mapping[str, Any]]
    seed: int
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether the decision came out as it was sealed, byte for byte."""
        return not self.differences


def replay(pack: Mapping[str, Any], keys: KeySet) -> Replayed:
    """Decide again.

    Parameters
    ----------
    pack : mapping
        As the service hands it out.
    keys : KeySet
        The keys that its statements must be signed with.

    Raises
    ------
    Problem
        A statement is not genuine, or the pack lacks what the decision names.
    """
    sealed = _opened(_part(pack, "decision"), keys)["predicate"]
    evidence = _evidence(pack, keys)
    pinned = _part(pack, "pinned")
    _pinned_as_sealed(pinned, sealed)
    policies = tuple(_policy(pack, named, str(pinned.get("dataset") or "")) for named in pinned["policies"])
    decided_at = read_time(sealed["decided_at"], what="decided_at")
    again = decide(
        policies=policies,
        measurements={gate: _measured(predicate) for gate, predicate in evidence.items()},
        now=decided_at,
        subject=_subject(sealed["subject"], pinned),
    ).as_json()
    return Replayed(
        model=sealed["subject"]["model"],
        version=sealed["subject"]["version"],
        outcome=sealed["outcome"],
        decided_at=decided_at,
        gates=len(sealed["gates"]),
        differences=tuple(_differences(sealed, again)),
        policies=policies,
        measurements={gate: predicate["measurement"] for gate, predicate in evidence.items()},
        seed=sealed["seed"],
        machine=next((predicate.get("machine") or {} for predicate in evidence.values()), {}),
    )


def _part(pack: Mapping[str, Any], name: str) -> Any:
    found = pack.get(name)
    if not isinstance(found, Mapping if name != "evidence" else list):
        raise BadInput(f'The pack has no "{name}"; it is not one of a decision, or not whole.')
    return found


def _opened(envelope: Any, keys: KeySet) -> dict[str, Any]:
    if not isinstance(envelope, Mapping):
        raise BadInput("The pack holds something that is no signed statement.")
    return verify(envelope, keys)


def _evidence(pack: Mapping[str, Any], keys: KeySet) -> dict[str, Mapping[str, Any]]:
    """What each gate's evidence says, checked to be that which the decision names."""
    named = {
        gate["evidence"]: gate["id"]
        for gate in _opened(_part(pack, "decision"), keys)["predicate"]["gates"]
        if gate.get("evidence")
    }
    found: dict[str, Mapping[str, Any]] = {}
    for envelope in _part(pack, "evidence"):
        statement = _opened(envelope, keys)
        name = f"sha256:{hashlib.sha256(payload_of(envelope)).hexdigest()}"
        if name in named:
            found[named[name]] = statement["predicate"]
    if missing := sorted(set(named.values()) - set(found)):
        raise BadInput(f"The pack lacks the evidence of the gate {missing[0]}.")
    return found


def _pinned_as_sealed(pinned: Mapping[str, Any], sealed: Mapping[str, Any]) -> None:
    if digest(canonical(dict(pinned))) != sealed["pins"]:
        raise BadInput("The pack's pinned inputs are not those that the decision names by digest.")


def _policy(pack: Mapping[str, Any], named: Mapping[str, str], dataset: str) -> Policy:
    documents: Sequence[Any] = pack.get("policies") or ()
    for document in documents:
        if isinstance(document, Mapping) and digest(canonical(dict(document))) == named["digest"]:
            return monitoring(policy_of(document), dataset)
    raise BadInput(f"The pack lacks the policy {named['id']}@{named['version']} ({named['digest']}).")


def _measured(predicate: Mapping[str, Any]) -> MeasuredGate:
    return MeasuredGate(
        measurement=predicate["measurement"],
        measured_at=read_time(predicate["measuredAt"], what="measuredAt"),
        artifact_digest=predicate["artifact"],
        dataset_digests=predicate["datasets"],
    )


def _subject(told: Mapping[str, Any], pinned: Mapping[str, Any]) -> SubjectFacts:
    return SubjectFacts(
        model=told["model"],
        version=told["version"],
        digest=pinned["version"],
        artifact_digest=pinned["artifact"],
        dataset_digests=pinned["datasets"],
        facts=pinned["fields"],
    )


# What differs ------------------------------------------------------------------------------------------


def _differences(sealed: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    before = {name: value for name, value in sealed.items() if name not in _ADDED}
    evidence = {gate["id"]: gate.get("evidence") for gate in sealed["gates"]}
    gates = [_unmeasured(gate, evidence.get(gate["id"])) for gate in again["gates"]]
    after = {**again, "gates": gates}
    if canonical(before) == canonical(after):
        return
    if before["engine"] != after["engine"]:
        yield f"It was decided by engine {before['engine']}; this is {ENGINE_VERSION}."
    yield from _other_gates(before["gates"], after["gates"])
    for name in sorted(set(before) | set(after)):
        if name not in ("gates", "engine") and before.get(name) != after.get(name):
            yield f"{name} was {before.get(name)!r}; it is {after.get(name)!r} now."


def _unmeasured(gate: Mapping[str, Any], evidence: str | None) -> dict[str, Any]:
    return {**{k: v for k, v in gate.items() if k != "measurement"}, "evidence": evidence}


def _other_gates(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    was, now = ({gate["id"]: gate for gate in gates} for gates in (before, after))
    for name in dict.fromkeys((*was, *now)):
        if name not in now:
            yield f"The gate {name} is not asked any more."
        elif name not in was:
            yield f"The gate {name} was not asked then."
        else:
            fields = [f for f in was[name] if was[name][f] != now[name].get(f)]
            for field in fields:
                yield f"{name}: {field} was {was[name][field]!r}; it is {now[name].get(field)!r} now."
