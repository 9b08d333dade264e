"""May it happen now? One function a question; each returns nothing, or what it found, or raises Refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from apps.access.models import Person
from apps.access.queries import standing_grants
from apps.access.states import Scope
from apps.audit.errors import Forbidden, Invalid, Refused
from apps.audit.plain import plain
from apps.audit.trail import contents
from apps.engine.canonical import digest
from apps.engine.errors import BadInput
from apps.engine.policy import Library, Policy, read_policy
from apps.engine.policy.diff import bump_fault
from apps.engine.policy.lint import lint
from apps.engine.policy.regulation import Controls, shipped_controls
from apps.engine.trial.cases import read_cases, uncovered
from apps.engine.trial.mutate import survivors
from apps.gates.models import PolicyProposal, PolicyRelease, Run, Schedule
from apps.gates.queries import PROPOSAL, policy_of
from apps.gates.quorum import blocked_by
from apps.gates.seats import unknown_roles
from apps.gates.sharing import confined_to
from apps.gates.states import Place, Purpose, RunState, WaitsFor
from apps.inventory.models import ModelVersion, Use

LONGEST_PAUSE_DAYS = 366


def use_of(version: ModelVersion, use: Use) -> None:
    if use.model_id != version.model_id:
        raise Invalid(f"{use.key} is no use of {version.model.key}.", field="use")
    if use.retired_at is not None:
        raise Refused(f"The use {use.key} of {version.model.key} was retired on {use.retired_at:%Y-%m-%d}.")


def purpose_of(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError as error:
        known = ", ".join(Purpose)
        raise Invalid(
            f'"{text}" is no purpose of a run; expected one of {known}.', field="purpose"
        ) from error


def dataset_of(version: ModelVersion, dataset: str, purpose: Purpose) -> None:
    """Monitoring measures a named data set of the version; other runs the manifest's own."""
    if purpose is Purpose.MONITORING and not dataset:
        raise Invalid("Monitoring needs the name of the data set to measure.", field="dataset")
    if dataset and purpose is not Purpose.MONITORING:
        raise Invalid("Only a monitoring run may name another data set.", field="dataset")
    names = sorted(version.datasets.values_list("name", flat=True))
    if dataset and dataset not in names:
        raise Invalid(
            f'{version} has no data set "{dataset}"; it has {", ".join(names) or "none"}.', field="dataset"
        )


def same_request(run: Run, asked: Run) -> Run:
    """A key that was used before must stand for the same request."""
    if _asked(run) != _asked(asked):
        sentence = f"This key was used for the run {run.pk} of {run.version}; take another for this."
        raise Refused(sentence, code="key_reused")
    return run


def _asked(run: Run) -> tuple[object, ...]:
    return (run.version_id, run.use_id, run.purpose, run.dataset)


def cancellable(run: Run) -> None:
    if run.state not in (RunState.QUEUED, RunState.RUNNING):
        raise Refused(f"This run is {run.state}; it cannot be cancelled any more.", code="illegal_move")


def waits(run: Run) -> None:
    if run.state != RunState.QUEUED:
        raise Refused(f"This run is {run.state}; only a run that waits has a place.", code="illegal_move")


def waits_for_consent(run: Run) -> None:
    if run.state != RunState.QUEUED or run.waits_for != WaitsFor.CONSENT:
        told = f"This run is {run.state} and waits for nobody to approve its hardware."
        raise Refused(told, code="illegal_move")


def another_than(first: Person, by: Person) -> None:
    if by.is_service:
        raise Forbidden("A service account cannot approve what a run is computed on: a person does.")
    if by.identity == first.identity:
        raise Forbidden("What a run is computed on is approved by another person than whoever asked for it.")


def place_of(text: str) -> Place:
    known = {place.word: place for place in Place}
    if text not in known:
        raise Invalid(f'"{text}" is no place; expected one of {", ".join(known)}.', field="place")
    return known[text]


def due_of(due: datetime | None, now: datetime) -> datetime | None:
    """When the answer is needed: not in the past, for that would jump the queue."""
    if due is not None and due <= now:
        raise Invalid(f"The due time {due:%Y-%m-%d %H:%M} is past; expected a later one.", field="due")
    return due


def requeueable(run: Run) -> None:
    if run.state != RunState.DEAD:
        raise Refused(f"This run is {run.state}; only a dead run can be requeued.", code="illegal_move")


def said(text: str, field: str) -> str:
    words = text.strip()
    if not words:
        raise Invalid(f"Please say the {field}: it is kept in the record.", field=field)
    return words


def two_people(by: Person, proposed_by: Person) -> None:
    """A policy is proposed by one human and released by another; service accounts are neither."""
    if by.is_service or proposed_by.is_service:
        raise Forbidden("A service account cannot release a policy: two people do.")
    if by.identity == proposed_by.identity:
        raise Forbidden("A policy is released by a second person, not by whoever proposed it.")


def publishes(person: Person, policy: Policy, newest: PolicyRelease | None) -> None:
    """Refused unless the person holds the owner's role where the policy reaches, and where it reached before.

    For the whole organisation, or for each business unit to which the policy is confined by its own text.
    """
    held = standing_grants().filter(person=person, role=policy.owner)
    if held.filter(scope=Scope.ORGANISATION).exists():
        return
    texts = [policy] if newest is None else [policy, policy_of(newest)]
    units = [confined_to(one) for one in texts]
    mine = set(held.filter(scope=Scope.UNIT).values_list("scope_key", flat=True))
    if all(one and one <= mine for one in units):
        return
    where = f" for {', '.join(sorted(frozenset().union(*units) - mine))}" if mine and all(units) else ""
    beyond = " Your unit may publish what names it in applies_to.match: model.unit." if mine else ""
    raise Forbidden(
        f"{person} does not hold the role {policy.owner}{where}, whose members publish this policy.{beyond}"
    )


def readable_policy(data: bytes, *, name: str, library: Library) -> Policy:
    """The policy, without a fault that lint finds."""
    try:
        policy = read_policy(data, name=name, library=library)
    except BadInput as problem:
        raise Invalid(str(problem), field="policy") from problem
    if faults := faults_of(data, name=name, library=library):
        raise Invalid(faults[0], field="policy")
    return policy


def faults_of(data: bytes, *, name: str, library: Library) -> list[str]:
    """Everything for which a policy would be refused before its cases are run."""
    return lint(data, name=name, library=library, controls=_controls(), others=True)


@cache
def _controls() -> Controls:
    return shipped_controls()


def cases_hold(policy: Policy, cases: Mapping[str, bytes]) -> int:
    """How many cases there are; refused unless all hold, cover every gate, and let no weakening pass."""
    try:
        found = [c for name in sorted(cases) for c in read_cases(cases[name], name=name, policy=policy)]
    except BadInput as problem:
        raise Invalid(str(problem), field="cases") from problem
    for case in found:
        if faults := case.faults(policy):
            raise Refused(f"{policy.id}@{policy.version}: the case “{case.name}” fails: {faults[0]}.")
    if missing := uncovered(policy, found):
        raise Refused(f"{policy.id}@{policy.version} is not covered by its cases: {missing[0]}")
    if unseen := [m.change for m in survivors(policy, found) if m.mandatory]:
        raise Refused(f"{policy.id}@{policy.version}: no case would notice “{unseen[0]}”.")
    return len(found)


def fits(newest: PolicyRelease | None, policy: Policy) -> None:
    """The version number comes after the newest released one and says what kind of change it is."""
    if newest is None:
        return
    if fault := bump_fault(policy_of(newest), policy):
        raise Refused(fault, code="version")


def genuine(proposal: PolicyProposal) -> None:
    """The row says exactly what was sealed when it was offered, and of whom: a row alone proposes nothing."""
    told = contents([proposal.statement_digest]).get(proposal.statement_digest, {})
    if told.get("predicateType") != PROPOSAL or not _says(told.get("predicate", {}), proposal):
        raise Refused(f"The proposal {proposal} has no genuine statement.", code="not_genuine")


def _says(sealed: Mapping[str, Any], proposal: PolicyProposal) -> bool:
    said = {
        "text": digest(bytes(proposal.text)),
        "cases": {name: digest(text.encode()) for name, text in proposal.cases.items()},
        "note": plain(proposal.note),
        "shown": plain(proposal.shown),
        "proposedBy": str(proposal.proposed_by_id),
    }
    return all(sealed.get(name) == value for name, value in said.items())


def as_proposed(proposal: PolicyProposal, policy: Policy) -> None:
    """What it extends may have changed since; then it is another policy than the one that was shown."""
    if policy.digest != proposal.digest:
        raise Refused(
            f"{proposal} is not what was proposed: what it extends has changed since. Propose it again.",
            code="proposal_stale",
        )


def known_signers(policy: Policy) -> None:
    """Refused where a step names a role of the installation's own that is not there or reviews nothing."""
    strange = unknown_roles(step.role for step in policy.approvals.steps)
    if strange:
        raise Refused(
            f"{policy.id}@{policy.version} asks the role {strange[0]} to sign, and no role of that name "
            "lets anybody review here.",
            code="quorum",
        )


def fillable(policy: Policy, now: datetime, authors: Iterable[str] = ()) -> None:
    """Refused where the policy would leave a model that could be approved without anybody who may.

    Who holds a role on the day the policy comes into force counts: a role may be given from that day on.
    """
    taken = [one for one in blocked_by(policy, now, authors) if one.newly]
    if not taken:
        return
    models = sorted({model for one in taken for model in one.models})
    named = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    raise Refused(
        f"{policy.id}@{policy.version} would leave {named} with nobody to approve it. {taken[0].sentence}",
        code="quorum",
    )


def unchanged(release: PolicyRelease, data: bytes) -> PolicyRelease:
    if bytes(release.text) != data:
        raise Refused(
            f"{release} is released with other bytes ({release.digest}); a released version never changes: "
            "raise the version.",
            code="released_differently",
        )
    return release


def running(schedule: Schedule) -> None:
    if schedule.ended_at is not None:
        raise Refused(f"This schedule ended on {schedule.ended_at:%Y-%m-%d}.")


def days_between(number: int) -> None:
    if not 1 <= number <= LONGEST_PAUSE_DAYS:
        raise Invalid(
            f"A schedule runs every 1 to {LONGEST_PAUSE_DAYS} days, not every {number}.", field="every_days"
        )
