"""What a draft looks like now: its form, its sentences, its faults, its cases, and what it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import Check
from apps.engine.policy import Library, Policy, policy_of, read_policy
from apps.engine.policy.asks import gate_sentence, policy_sentences
from apps.engine.policy.build import plain
from apps.engine.policy.diff import Change, bump_fault, diff
from apps.engine.policy.document import GATE
from apps.engine.policy.gate_rules import gate_faults
from apps.engine.policy.read import examine
from apps.engine.strict_yaml import Document, Path
from apps.gates import queries
from apps.web.policy_editor.faults import MOST_TOLD, Wrong, beside, document, wrong_with
from apps.web.policy_editor.fields import Field, drawn_gates, head_fields
from apps.web.policy_editor.parents import Released
from apps.web.policy_editor.tried import Tried, tried


@dataclass(frozen=True, slots=True)
class Line:
    """A field with what is wrong beside it."""

    field: Field
    wrong: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateForm:
    """One gate as the form shows it."""

    id: str
    title: str
    index: int
    check: Check | None
    sentence: str
    groups: Sequence[tuple[str, Sequence[Line]]]
    wrong: Sequence[Wrong] = ()

    @property
    def faulty(self) -> bool:
        return bool(self.wrong) or any(line.wrong for _, lines in self.groups for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The draft beside the newest released version: what changes, and what its number must be."""

    old: str
    changes: Sequence[Change]
    kind: str
    wanted: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The whole editor at one moment."""

    text: str
    readable: bool
    policy: Policy | None
    wrongs: Sequence[Wrong]
    head: Sequence[Line] = ()
    gates: Sequence[GateForm] = ()
    more_gates: int = 0
    general: Sequence[Wrong] = ()
    sentences: Sequence[str] = ()
    tried: Tried = field(default_factory=lambda: Tried([]))
    difference: Difference | None = None
    new: bool = False

    @property
    def told(self) -> Sequence[Wrong]:
        return self.wrongs[:MOST_TOLD]

    @property
    def shape(self) -> str:
        """What the form is made of: where it is another, the form is drawn anew."""
        gates = [f"{gate.id}:{gate.check.id if gate.check else ''}" for gate in self.gates]
        fields = [line.field.name for gate in self.gates for _, lines in gate.groups for line in lines]
        files = [file.name for file in self.tried.files]
        whole = f"{self.readable} {gates} {fields} {[line.field.name for line in self.head]} {files}"
        return sha256(whole.encode()).hexdigest()[:16]

    @property
    def ready(self) -> bool:
        """Whether nothing that the page can see speaks against proposing it."""
        held = self.tried
        open_ = held.broken or held.uncovered or not held.total
        fits = self.difference is None or not self.difference.fault
        return self.policy is not None and not open_ and fits

    @property
    def summary(self) -> str:
        """One sentence for the line that is read aloud."""
        if self.wrongs:
            number = len(self.wrongs)
            return "1 fault in the policy." if number == 1 else f"{number} faults in the policy."
        held, parts = self.tried, []
        parts.append(
            f"{held.holding} of {held.total} cases hold." if held.total else "No case is written yet."
        )
        if held.uncovered:
            number = len(held.uncovered)
            parts.append(
                "1 line of cases is missing." if number == 1 else f"{number} lines of cases are missing."
            )
        if self.difference is not None:
            parts.append(self.difference.fault or f"The version fits: {self.difference.kind}.")
        return " ".join(parts)


def look_at(text: str, cases: Mapping[str, str]) -> Look:
    """Everything that can be said of a draft without writing anything."""
    library = Released()
    wrongs = wrong_with(text, library=library)
    read = document(text)
    if read is None:
        return Look(
            text=text, readable=False, policy=None, wrongs=wrongs, general=wrongs, tried=tried(None, cases)
        )
    policy = None if wrongs else read_policy(text.encode(), name="policy.yaml", library=library)
    forms = _Forms(read, wrongs, _sentences(read, policy, library))
    difference = None if policy is None else difference_of(policy)
    return Look(
        text=text,
        readable=True,
        policy=policy,
        wrongs=wrongs,
        head=forms.head(),
        gates=list(forms.gates()),
        more_gates=len(_gates(read)) - forms.number,
        general=forms.rest,
        sentences=policy_sentences(policy) if policy is not None else (),
        tried=tried(policy, cases),
        difference=difference,
        new=policy is not None and difference is None,
    )


def _gates(read: Document) -> list[Any]:
    gates = read.value.get("gates") if isinstance(read.value, Mapping) else None
    return gates if isinstance(gates, list) else []


class _Forms:
    """The fields of a document, each with the faults that stand at its value."""

    def __init__(self, read: Document, wrongs: Sequence[Wrong], sentences: Mapping[str, str]) -> None:
        self._read, self._sentences = read, sentences
        self._held = drawn_gates(read.value)
        self.number = len(self._held)
        self._head = head_fields(read.value)
        paths: list[Path] = [f.path for f in self._head]
        paths += [f.path for groups in self._held.values() for _, fields in groups for f in fields]
        self._beside, self.rest = beside(wrongs, paths)

    def head(self) -> list[Line]:
        return [self._line(one) for one in self._head]

    def gates(self) -> Iterator[GateForm]:
        for i, groups in self._held.items():
            gate = _gates(self._read)[i]
            name, check = str(gate.get("id", "")), all_checks().get(str(gate.get("check")))
            yield GateForm(
                id=name,
                title=str(gate.get("title") or (check.title if check else name)),
                index=i,
                check=check,
                sentence=self._sentences.get(name, ""),
                groups=[(title, [self._line(one) for one in fields]) for title, fields in groups],
                wrong=[wrong for wrong in self.rest if wrong.path[:2] == ("gates", i)],
            )

    def _line(self, one: Field) -> Line:
        return Line(one, self._beside.get(one.path, ()))


# Sentences of gates, as far as they can be said -----------------------------------------------------

_ALONE = {"metadata": {"id": "p", "version": "0.0.1", "title": "p"}, "effective": {"from": "2026-01-01"}}


def _sentences(read: Document, policy: Policy | None, library: Library) -> dict[str, str]:
    """By the gate's id; of a draft with faults those gates speak that have none themselves."""
    if policy is not None:
        return {gate.id: gate_sentence(gate) for gate in policy.gates}
    resolved, _ = examine(read, library)
    held = resolved.get("gates")
    found = {}
    for gate in held if isinstance(held, list) else ():
        if isinstance(gate, Mapping) and "check" in gate and not _faulty(gate):
            alone = policy_of(plain({**_ALONE, "gates": [gate]}))
            found[alone.gates[0].id] = gate_sentence(alone.gates[0])
    return found


def _faulty(gate: Mapping[str, Any]) -> bool:
    return any(GATE.faults(gate, ())) or any(gate_faults(gate, ()))


# Beside the released version ------------------------------------------------------------------------


def difference_of(policy: Policy) -> Difference | None:
    """What the draft changes of the newest released version; None where it is the first."""
    release = queries.newest_release(policy.id)
    if release is None:
        return None
    old = queries.policy_of(release)
    changes = diff(old, policy)
    kind = _kind(old, policy)
    return Difference(
        old=str(release),
        changes=changes,
        kind=kind,
        wanted=_next(old, kind),
        fault=_fault(old, policy, kind),
    )


def _kind(old: Policy, new: Policy) -> str:
    """The least change that the version may call itself."""
    if new.major > old.major:
        return "MAJOR"
    as_patch = replace(new, version=_next(old, "PATCH"))
    return "MINOR" if bump_fault(old, as_patch) else "PATCH"


def _next(old: Policy, kind: str) -> str:
    major, minor, patch = (int(part) for part in old.version.split("."))
    return {
        "MAJOR": f"{major + 1}.0.0",
        "MINOR": f"{major}.{minor + 1}.0",
        "PATCH": f"{major}.{minor}.{patch + 1}",
    }[kind]


def _fault(old: Policy, new: Policy, kind: str) -> str:
    if not bump_fault(old, new):
        return ""
    return f"This is {kind}: the version must be {_next(old, kind)}, not {new.version}."
