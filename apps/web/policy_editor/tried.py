"""The cases of a draft, run while it is written; and what no case would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy import Policy
from apps.engine.policy.case_form import CASES, spelled
from apps.engine.trial.cases import Case, read_cases, uncovered
from apps.engine.trial.mutate import mutants
from apps.web.policy_editor.faults import Wrong, of_sentence

# While somebody types, an answer is worth more than the last case; releasing tries every one.
SECONDS = 2.0
_MOST_TRIED = 150_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: what came out otherwise; None: there was no time to run it."""

    name: str
    line: int
    faults: list[str] | None

    @property
    def state(self) -> str:
        if self.faults is None:
            return "waits"
        return "fails" if self.faults else "holds"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file of cases: its text, and what is wrong with it or how each of its cases comes out."""

    name: str
    text: str
    wrong: Wrong | None = None
    outcomes: Sequence[Outcome] = ()

    def count(self, state: str) -> int:
        return sum(one.state == state for one in self.outcomes)

    @property
    def holding(self) -> int:
        return self.count("holds")

    @property
    def failing(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.state == "fails"]

    @property
    def tone(self) -> str:
        if self.wrong is not None or self.failing:
            return "bad"
        return "good" if self.outcomes and not self.count("waits") else ""


@dataclass(frozen=True, slots=True)
class Tried:
    """All files, the cases that could be read, and what they leave out."""

    files: Sequence[CaseFile]
    cases: Sequence[Case] = ()
    uncovered: Sequence[str] = ()

    def count(self, state: str) -> int:
        return sum(file.count(state) for file in self.files)

    @property
    def total(self) -> int:
        return sum(len(file.outcomes) for file in self.files)

    @property
    def holding(self) -> int:
        return self.count("holds")

    @property
    def broken(self) -> int:
        """Files that cannot be read and cases that come out otherwise."""
        return self.count("fails") + sum(file.wrong is not None for file in self.files)


def tried(policy: Policy | None, texts: Mapping[str, str], *, seconds: float = SECONDS) -> Tried:
    """Every case run on the policy, as far as the time goes; without a policy none."""
    if policy is None:
        return Tried([CaseFile(name, text) for name, text in texts.items()])
    until = monotonic() + seconds
    files, held = [], []
    for name, text in texts.items():
        try:
            _refuse_many(text, name, policy)
            cases = read_cases(text.encode(), name=name, policy=policy)
        except BadInput as problem:
            files.append(CaseFile(name, text, of_sentence(str(problem))))
            continue
        held += cases
        files.append(CaseFile(name, text, None, [_outcome(case, policy, until) for case in cases]))
    return Tried(files, held, uncovered(policy, held))


def _refuse_many(text: str, name: str, policy: Policy) -> None:
    """Whoever types must not wait for minutes: cases times gates stay within what can be tried now."""
    value = strict_yaml.read(text.encode(), name=name).value
    if any(CASES.faults(value, ())):
        return
    number = sum(1 for _ in spelled(value))
    if number * (len(policy.gates) + 1) > _MOST_TRIED:
        raise BadInput(
            f"{name} has {number:,} cases of {len(policy.gates)} gates: too many to try on a page."
        )


def _outcome(case: Case, policy: Policy, until: float) -> Outcome:
    faults = case.faults(policy) if monotonic() < until else None
    return Outcome(case.name, case.at[0], faults)


@dataclass(frozen=True, slots=True)
class Weakened:
    """How far the weakenings were tried, and those that no case noticed."""

    done: int
    total: int
    unnoticed: Sequence[str]

    @property
    def finished(self) -> bool:
        return self.done >= self.total


def weakened(policy: Policy, cases: Sequence[Case], *, start: int, seconds: float) -> Weakened:
    """Try one weakening after another from `start` on, until the time is over; at least one."""
    until = monotonic() + seconds
    every = sum(1 for _ in mutants(policy))
    done, unnoticed = min(max(start, 0), every), []
    for mutant in islice(mutants(policy), done, None):
        first = sorted(cases, key=lambda case, gate=mutant.gate: case.gate != gate)  # type: ignore[misc]
        if not any(case.faults(mutant.policy) for case in first):
            unnoticed.append(mutant.change + (" (mandatory)" if mutant.mandatory else ""))
        done += 1
        if monotonic() >= until:
            break
    return Weakened(done, every, unnoticed)
