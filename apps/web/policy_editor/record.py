"""A released policy as its page shows it: in sentences, with its cases run and its versions compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import Check
from apps.engine.policy import gates_for
from apps.engine.policy.asks import gate_sentence, policy_sentences
from apps.engine.policy.diff import diff
from apps.engine.policy.model import Gate
from apps.gates import queries
from apps.web.policy_editor.tried import tried

if TYPE_CHECKING:
    from apps.gates.models import PolicyRelease


@dataclass(frozen=True, slots=True)
class GateRow:
    """A gate, its sentence, its check, and the policies that it was inherited from."""

    gate: Gate
    sentence: str
    check: Check | None
    words: str


def released_look(release: PolicyRelease, *, against: str) -> dict[str, Any]:
    """What the page of a release shows; `against` names another version to compare it with."""
    policy = queries.policy_of(release)
    checks = all_checks()
    versions = sorted(queries.released_policies().filter(policy=release.policy), key=_number, reverse=True)
    other = next((one for one in versions if one.version == against and one.pk != release.pk), None)
    compared = other or _before(release, versions)
    return {
        "sentences": policy_sentences(policy),
        "gates": [
            GateRow(gate, gate_sentence(gate), checks.get(gate.check), gate.bound.words())
            for gate in gates_for([policy])
        ],
        "versions": versions,
        "compared": compared,
        "changes": [] if compared is None else diff(queries.policy_of(compared), policy),
        "tried": tried(policy, release.proposal.cases if release.proposal else {}),
        "from": policy.document.get("resolved_from") or [],
    }


def _before(release: PolicyRelease, versions: list[PolicyRelease]) -> PolicyRelease | None:
    """The version released before it; of the first, none."""
    at = next(i for i, one in enumerate(versions) if one.pk == release.pk)
    return versions[at + 1] if at + 1 < len(versions) else None


def _number(release: PolicyRelease) -> list[int]:
    return [int(part) for part in release.version.split(".")]
