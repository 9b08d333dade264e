"""`countersign policy`: lint, test, compare and propose policies."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.cli import policy_tiering
from apps.cli.output import put
from apps.cli.policy_files import library_for, read_at
from apps.cli.render_cases import Named, cases_junit
from apps.engine import strict_yaml, tier_trial
from apps.engine.errors import BadInput
from apps.engine.files import read_document
from apps.engine.policy import Library, Policy
from apps.engine.policy.diff import bump_fault, diff
from apps.engine.policy.lint import lint_file
from apps.engine.policy.regulation import shipped_controls
from apps.engine.trial.cases import Case, read_cases, uncovered
from apps.engine.trial.mutate import survivors

GOOD, BAD = 0, 1
POLICY = "policy.yaml"


def add(commands: Any) -> None:
    """Add the command to the program's parser."""
    command = commands.add_parser(
        "policy", help="lint, test, compare and propose policies", allow_abbrev=False
    )
    verbs = command.add_subparsers(dest="verb", metavar="VERB", required=True)
    lint = verbs.add_parser("lint", help="find everything that is wrong with a policy file")
    test = verbs.add_parser("test", help="run the cases of a policy")
    compare = verbs.add_parser("diff", help="say in words what changed between two policies")
    propose = verbs.add_parser("propose", help="offer a policy to the server for release by a second person")
    propose.add_argument("file", metavar="FILE", help="a policy or its folder; its cases lie in cases/")
    propose.add_argument("--note", default="", help="what changes and why; kept with the proposal")
    propose.add_argument("--server", metavar="URL", help="instead of COUNTERSIGN_URL")
    users = verbs.add_parser("used-by", help="list the policies that rest on one, and on which version of it")
    users.add_argument("policy", metavar="POLICY", help="the id of a released policy")
    users.add_argument("--server", metavar="URL", help="instead of COUNTERSIGN_URL")
    for verb in (lint, test):
        verb.add_argument(
            "files", nargs="+", metavar="FILE", help="a policy, its folder, or a folder of policies"
        )
    test.add_argument(
        "--mutate", action="store_true", help="weaken the policy in every way; name what no case notices"
    )
    test.add_argument("--junit", metavar="FILE", help="also write the results as JUnit XML")
    compare.add_argument("old", metavar="A")
    compare.add_argument("new", metavar="B")
    for verb in (lint, test, compare, propose):
        verb.add_argument("--library", metavar="FOLDER", help="where `extends` looks first")


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs; 0 when nothing is wrong, else 1."""
    verbs: dict[str, Callable[[argparse.Namespace], int]] = {
        "lint": _lint,
        "test": _test,
        "diff": _diff,
        "propose": _propose,
        "used-by": _used_by,
    }
    return verbs[args.verb](args)


def files_of(names: list[str]) -> list[Path]:
    """The policy files that are meant: each as given, or those of a folder."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            found.append(path)
            continue
        inside = _own(path) or [file for folder in sorted(path.glob("*/")) for file in _own(folder)]
        if not inside:
            raise BadInput(f"{path} holds no policy.yaml.")
        found += inside
    return found


def _own(folder: Path) -> list[Path]:
    """The policy of a folder, or the files that stand beside policies."""
    names = (POLICY, *policy_tiering.NAMES)
    return [folder / name for name in names if (folder / name).is_file()]


# lint ----------------------------------------------------------------------------------------------


def _lint(args: argparse.Namespace) -> int:
    controls, lines, good = shipped_controls(), [], 0
    files = files_of(args.files)
    for path in files:
        kind = policy_tiering.kind_of(path)
        faults = (
            policy_tiering.lint(path, kind)
            if kind
            else lint_file(path, library=library_for(path, args.library), controls=controls)
        )
        lines += faults
        good += not faults
    twins = list(_twins(files))
    lines += twins
    good = max(0, good - len(twins))
    lines.append(f"{good} of {len(files)} policies are right.")
    put("\n".join(lines) + "\n", None)
    return GOOD if len(lines) == 1 else BAD


def _twins(files: list[Path]) -> Iterator[str]:
    """Two files that claim one version, and two policies of one id side by side in a folder."""
    texts = {
        str(path): read_document(path, strict_yaml.MAX_BYTES)
        for path in dict.fromkeys(files)
        if path.is_file()
    }
    versions: dict[object, str] = {}
    folders: dict[object, str] = {}
    for entry in Library(texts).entries():
        line, column = strict_yaml.read(entry.data, name=entry.name).position(("metadata", "id"))
        where = f"{entry.name}, line {line}, column {column}"
        same = versions.setdefault((entry.id, entry.version), entry.name)
        if same != entry.name:
            version = ".".join(map(str, entry.version))
            yield f"{where}: {same} claims to be {entry.id}@{version} too."
            continue
        place = Path(entry.name).resolve()
        beside = folders.setdefault((entry.id, place.parents[1]), entry.name)
        if beside != entry.name and place.name == POLICY:
            yield f"{where}: {beside} has the id {entry.id} too; a folder holds one policy of an id."


# test ----------------------------------------------------------------------------------------------


@dataclass
class Tested:
    """What testing one policy gave."""

    file: Path
    # What was tested, such as credit-tier1@3.1.0; empty where it could not be read.
    label: str = ""
    cases: list[tuple[Named, list[str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every case came out as expected, and nothing else is wrong."""
        return not self.faults and all(not faults for _, faults in self.cases)

    def lines(self) -> Iterator[str]:
        """What is printed."""
        yield from self.faults
        for case, faults in self.cases:
            line, column = case.at
            for fault in faults:
                yield f"{case.file}, line {line}, column {column}: {case.name}: {fault}."
        if self.label:
            failed = sum(bool(faults) for _, faults in self.cases)
            yield f"{self.label}: {len(self.cases)} cases, {failed} failed."
        yield from self.notes


def _test(args: argparse.Namespace) -> int:
    tested = [_tested(path, args) for path in files_of(args.files)]
    put("\n".join(line for one in tested for line in one.lines()) + "\n", None)
    if args.junit:
        suites = [(str(one.file), one.cases, one.faults) for one in tested]
        put(cases_junit(suites), args.junit)
    return GOOD if all(one.good for one in tested) else BAD


def _tested(path: Path, args: argparse.Namespace) -> Tested:
    """One policy and its cases; a broken file is told and does not stop the others."""
    answer = Tested(path)
    if kind := policy_tiering.kind_of(path):
        return _beside(answer, kind, mutate=args.mutate)
    try:
        policy = read_at(path, args.library)
        cases = list(_cases(path, policy))
    except BadInput as problem:
        answer.faults.append(str(problem))
        return answer
    answer.label = f"{policy.id}@{policy.version}"
    answer.cases = [(case, case.faults(policy)) for case in cases]
    if not cases:
        answer.faults.append(f"{path}: the policy has no cases.")
    answer.notes += [f"  not covered: {sentence}" for sentence in uncovered(policy, cases)]
    if args.mutate and answer.good:
        answer.faults += [
            f"{policy.id}@{policy.version}: no case notices this change: {mutant.change}."
            for mutant in survivors(policy, cases)
        ]
    return answer


def _beside(answer: Tested, kind: str, *, mutate: bool) -> Tested:
    """A scorecard, a questionnaire or a file of suggestions, with its own cases."""
    try:
        found = policy_tiering.tried(answer.file, kind)
    except BadInput as problem:
        answer.faults.append(str(problem))
        return answer
    answer.label, answer.cases = found.label, list(found.cases)
    answer.faults += [f"{answer.file}: {fault}" for fault in found.faults]
    if mutate:
        answer.faults += [
            f"{found.label}: no case notices this change: {change}." for change in found.survivors
        ]
    return answer


def _cases(path: Path, policy: Policy) -> Iterator[Case]:
    for file in sorted((path.parent / "cases").glob("*.yaml")):
        yield from read_cases(read_document(file, strict_yaml.MAX_BYTES), name=str(file), policy=policy)


# diff ----------------------------------------------------------------------------------------------


def _diff(args: argparse.Namespace) -> int:
    paths = files_of([args.old]) + files_of([args.new])
    if all(policy_tiering.kind_of(path) == "Scorecard" for path in paths):
        return _diff_scorecards(*paths[:2])
    old, new = (read_at(path, args.library) for path in paths)
    changes = [str(change) for change in diff(old, new)]
    fault = bump_fault(old, new) if old.id == new.id and changes else ""
    lines = changes or [f"{old.id}@{old.version} and {new.id}@{new.version} ask for the same."]
    put("\n".join([*lines, fault] if fault else lines) + "\n", None)
    return BAD if fault else GOOD


def _diff_scorecards(one: Path, other: Path) -> int:
    old, new = policy_tiering.read_card(one), policy_tiering.read_card(other)
    changes = tier_trial.diff(old, new)
    fault = tier_trial.bump_fault(old, new) if old.id == new.id and changes else ""
    lines = changes or [f"{old.id}@{old.version} and {new.id}@{new.version} judge alike."]
    put("\n".join([*lines, fault] if fault else lines) + "\n", None)
    return BAD if fault else GOOD


# propose -------------------------------------------------------------------------------------------


def _used_by(args: argparse.Namespace) -> int:
    from apps.cli.policy_used_by import used_by

    return used_by(args.policy, server=args.server)


def _propose(args: argparse.Namespace) -> int:
    """Tested here first: what fails here would be refused there."""
    from apps.cli.policy_propose import propose

    (path,) = files_of([args.file])
    tested = _tested(path, argparse.Namespace(library=args.library, mutate=True))
    put("\n".join(tested.lines()) + "\n", None)
    kind = policy_tiering.kind_of(path)
    if kind not in ("", "Scorecard"):
        raise BadInput(f"{path} comes with the program; policies and scorecards are proposed.")
    return propose(path, note=args.note, server=args.server, kind=kind) if tested.good else BAD
