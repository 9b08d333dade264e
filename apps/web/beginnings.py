"""Where each kind of work begins: what the first page offers to whom, by the permissions that they hold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from apps.access.states import Permission

_P = Permission
MOST = 5


@dataclass(frozen=True, slots=True)
class Beginning:
    """A place to begin at, what one does there, and whoever holds one of these permissions is shown it."""

    title: str
    sentence: str
    address: str
    for_whom: frozenset[Permission]


# The first five that somebody may open are shown: what few do stands before what all do.
BEGINNINGS: tuple[Beginning, ...] = (
    Beginning(
        "People",
        "Add somebody, give a role with an end, and ask what each may do and why.",
        "/administration/people",
        frozenset({_P.PERSON_MANAGE}),
    ),
    Beginning(
        "Integrations",
        "Connect a pipeline, a registry or a cluster; see what each asked last.",
        "/administration/integrations",
        frozenset({_P.INTEGRATION_MANAGE}),
    ),
    Beginning(
        "Policies",
        "Propose a change of a policy and see beforehand whose decisions it would change.",
        "/policies",
        frozenset({_P.POLICY_PROPOSE}),
    ),
    Beginning(
        "Environments",
        "The places where versions run, and what each of them asks of a version.",
        "/environments",
        frozenset({_P.POLICY_PROPOSE}),
    ),
    Beginning(
        "Waivers",
        "Answer who asks for one; see which are about to end.",
        "/waivers",
        frozenset({_P.WAIVER_GRANT}),
    ),
    Beginning(
        "Attestations",
        "Attest the entries of your models, or ask others to, and see who is how far.",
        "/attestations",
        frozenset({_P.MODEL_ATTEST, _P.ATTESTATION_ASK}),
    ),
    Beginning(
        "Reviews",
        "What is up for review, who has signed, and what changed since the last approval.",
        "/reviews",
        frozenset({_P.APPROVAL_VALIDATE, _P.APPROVAL_RISK, _P.APPROVAL_COMMITTEE, _P.APPROVAL_SUBMIT}),
    ),
    Beginning(
        "Register a model",
        "Its files are read, and what is wrong with them is said, before anything is written.",
        "/models/new",
        frozenset({_P.MODEL_REGISTER}),
    ),
    Beginning(
        "Audit events",
        "Who did what, when and why; each event with the proof that it stands in the log.",
        "/events",
        frozenset({_P.EXPORT_MAKE}),
    ),
    Beginning(
        "Exports",
        "Take lists and packs home and verify them without this service.",
        "/exports",
        frozenset({_P.EXPORT_MAKE}),
    ),
    Beginning(
        "Decisions",
        "What pipelines asked, what they were answered, and why.",
        "/decisions",
        frozenset({_P.EXPORT_MAKE, _P.APPROVAL_COMMITTEE}),
    ),
    Beginning(
        "Findings",
        "Weaknesses with their owners and due days, the overdue among them.",
        "/findings",
        frozenset({_P.FINDING_OPEN, _P.FINDING_REMEDIATE, _P.APPROVAL_COMMITTEE}),
    ),
    Beginning(
        "System",
        "Every part of the installation with its colour, and what to do about it.",
        "/system",
        frozenset({_P.SYSTEM_SEE}),
    ),
    Beginning(
        "Coverage",
        "Which control of a regulation is covered by which gates, and which by none.",
        "/coverage",
        frozenset({_P.EVIDENCE_SEE}),
    ),
    Beginning(
        "What feeds what",
        "Models, data and features, and what is exposed when one of them becomes unsound.",
        "/lineage",
        frozenset({_P.MODEL_SEE}),
    ),
)


def beginnings(held: Collection[str]) -> list[Beginning]:
    """The first few that somebody with these permissions may open."""
    return [one for one in BEGINNINGS if not one.for_whom.isdisjoint(held)][:MOST]
