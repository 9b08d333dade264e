"""Two policies compared, in words: what changed, and whether it is stricter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from apps.engine.policy import vocabulary as words
from apps.engine.policy.deployment import rules_of
from apps.engine.policy.deployment_rules import changes as deployment_changes
from apps.engine.policy.model import Bound, DocumentRule, Gate, Policy, Step

Effect = Literal["stricter", "looser", "changed", "text"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: the sentence, and what it does."""

    sentence: str
    effect: Effect

    def __str__(self) -> str:
        """The sentence with its effect."""
        return f"{self.sentence} ({'text only' if self.effect == 'text' else self.effect})"


Changes = Iterator[Change]


def diff(old: Policy, new: Policy) -> list[Change]:
    """Every difference of what two policies ask, resolved.

    Examples
    --------
    >>> str(Change("performance.auc: floor 0.72 → 0.75", "stricter"))
    'performance.auc: floor 0.72 → 0.75 (stricter)'
    """
    return [
        *_gates(old, new),
        *_documents(old, new),
        *_steps(old, new),
        *_rest(old, new),
    ]


def _pairs(old: Sequence[Any], new: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    before, after = {item.id: item for item in old}, {item.id: item for item in new}
    for name in [*before, *(name for name in after if name not in before)]:
        yield name, before.get(name), after.get(name)


def _gates(old: Policy, new: Policy) -> Changes:
    for name, before, after in _pairs(old.gates, new.gates):
        if before is None:
            yield Change(f"{name}: new gate, {after.check} {after.bound.words()}", "stricter")
        elif after is None:
            yield Change(f"{name}: gate removed, {before.check} {before.bound.words()}", "looser")
        else:
            yield from _gate(name, before, after)


def _gate(name: str, before: Gate, after: Gate) -> Changes:
    yield from _bounds(f"{name}:", before.bound, after.bound)
    yield from _bounds(f"{name}: warning", before.warn or Bound(), after.warn or Bound())
    for field, ranks in _RANKS:
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            effect: Effect = "stricter" if ranks.index(other) > ranks.index(one) else "looser"
            yield Change(f"{name}: {field} {one} → {other}", effect)
    yield from _age(f"{name}: maximum age", before.max_age, after.max_age)
    for field in ("check", "arguments", "dataset", "reference", "hardware", "match", "unless"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            yield Change(f"{name}: {field} {_shown(one)} → {_shown(other)}", "changed")
    for field in ("title", "source", "controls"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            yield Change(f"{name}: {field} {_shown(one)} → {_shown(other)}", "text")


_RANKS: tuple[tuple[str, Sequence[str]], ...] = (
    ("basis", words.BASES),
    ("enforcement", words.ENFORCEMENTS),
    ("severity", words.SEVERITIES),
    ("accept", words.ACCEPTS),
    ("on_review", words.ON_REVIEW),
    ("on_missing", words.ON_MISSING),
)


def _bounds(name: str, before: Bound, after: Bound) -> Changes:
    yield from _end(f"{name} floor", before.min, after.min, stricter=lambda one, other: other > one)
    yield from _end(f"{name} ceiling", before.max, after.max, stricter=lambda one, other: other < one)


def _end(
    name: str, one: Decimal | None, other: Decimal | None, *, stricter: Callable[[Decimal, Decimal], bool]
) -> Changes:
    if one == other:
        return
    if one is None:
        yield Change(f"{name} {other} is new", "stricter")
    elif other is None:
        yield Change(f"{name} {one} is gone", "looser")
    else:
        yield Change(f"{name} {one} → {other}", "stricter" if stricter(one, other) else "looser")


def _age(name: str, one: timedelta | None, other: timedelta | None) -> Changes:
    if one == other:
        return
    shorter = one is None or (other is not None and other < one)
    yield Change(f"{name} {_days(one)} → {_days(other)}", "stricter" if shorter else "looser")


def _days(length: timedelta | None) -> str:
    return "none" if length is None else f"{length.days} days"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) or "none"
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, (list, tuple)) else str(value)


def _documents(old: Policy, new: Policy) -> Changes:
    for name, before, after in _pairs(old.evidence, new.evidence):
        if before is None:
            yield Change(f"document {name}: new", "stricter" if after.required else "changed")
        elif after is None:
            yield Change(f"document {name}: removed", "looser" if before.required else "changed")
        else:
            yield from _document(name, before, after)


def _document(name: str, before: DocumentRule, after: DocumentRule) -> Changes:
    if before.required != after.required:
        word: Effect = "stricter" if after.required else "looser"
        yield Change(f"document {name}: required {before.required} → {after.required}".lower(), word)
    yield from _age(f"document {name}: maximum age", before.max_age, after.max_age)
    for field in ("type", "signed_by", "match", "unless"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            yield Change(f"document {name}: {field} {_shown(one)} → {_shown(other)}", "changed")


def _steps(old: Policy, new: Policy) -> Changes:
    for name, before, after in _pairs(old.approvals.steps, new.approvals.steps):
        if before is None:
            yield Change(f"step {name}: new, {after.quorum} of the role {after.role}", "stricter")
        elif after is None:
            yield Change(f"step {name}: dropped", "looser")
        else:
            yield from _step(name, before, after)


def _step(name: str, before: Step, after: Step) -> Changes:
    if before.quorum != after.quorum:
        effect: Effect = "stricter" if after.quorum > before.quorum else "looser"
        yield Change(f"step {name}: quorum {before.quorum} → {after.quorum}", effect)
    for field in ("role", "after", "match", "unless"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            yield Change(f"step {name}: {field} {_shown(one)} → {_shown(other)}", "changed")


def _rest(old: Policy, new: Policy) -> Changes:
    yield from _validity(old, new)
    for field in ("owner", "supersedes"):
        one, other = getattr(old, field), getattr(new, field)
        if one != other:
            yield Change(f"{field}: {_shown(one)} → {_shown(other)}", "changed")
    if set(old.dear) != set(new.dear):
        effect: Effect = "stricter" if set(old.dear) <= set(new.dear) else "looser"
        yield Change(f"hardware to approve: {_shown(old.dear)} → {_shown(new.dear)}", effect)
    if old.min_rows != new.min_rows:
        effect = "stricter" if old.min_rows < new.min_rows else "looser"
        yield Change(f"rows from which a group is shown: {old.min_rows} → {new.min_rows}", effect)
    yield from _submission(old, new)
    yield from _deployment(old, new)
    if old.waivers != new.waivers:
        yield from _waivers(old, new)
    yield from _people(old, new)
    for field in ("environments", "match", "unless"):
        one, other = getattr(old.applies_to, field), getattr(new.applies_to, field)
        if one != other:
            yield Change(f"applies to: {field} {_shown(one)} → {_shown(other)}", "changed")
    if old.effective != new.effective:
        yield Change(f"effective: {_window(old)} → {_window(new)}", "changed")
    if old.title != new.title:
        yield Change(f"title: {old.title} → {new.title}", "text")


def _deployment(old: Policy, new: Policy) -> Changes:
    for told, effect in deployment_changes(rules_of(old.document), rules_of(new.document)):
        yield Change(told, effect)


def _submission(old: Policy, new: Policy) -> Changes:
    if old.completeness != new.completeness:
        effect: Effect = "stricter" if old.completeness < new.completeness else "looser"
        told = f"{old.completeness} % → {new.completeness} %"
        yield Change(f"completeness of the entry before submission: {told}", effect)
    before, after = set(old.entry_parts), set(new.entry_parts)
    if before != after:
        effect = "stricter" if before <= after else "looser"
        told = f"{_shown(old.entry_parts)} → {_shown(new.entry_parts)}"
        yield Change(f"parts of the entry before submission: {told}", effect)


def _validity(old: Policy, new: Policy) -> Changes:
    for field in ("approval", "conditional"):
        one, other = getattr(old.validity, field), getattr(new.validity, field)
        if one != other:
            effect: Effect = "stricter" if other < one else "looser"
            yield Change(f"validity: {field} {one.days} days → {other.days} days", effect)
    before, after = (", ".join(map(_days, policy.validity.remind_before)) for policy in (old, new))
    if before != after:
        yield Change(f"validity: reminders {before or 'none'} → {after or 'none'}", "changed")
    if old.validity.on_expiry != new.validity.on_expiry:
        stricter = new.validity.on_expiry == words.ON_EXPIRY[-1]
        told = f"validity: on_expiry {old.validity.on_expiry} → {new.validity.on_expiry}"
        yield Change(told, "stricter" if stricter else "looser")


def _people(old: Policy, new: Policy) -> Changes:
    for name, before, after in (
        ("void_on", old.approvals.void_on, new.approvals.void_on),
        ("approver_not", old.approvals.approver_not, new.approvals.approver_not),
    ):
        if set(before) != set(after):
            more = set(before) <= set(after)
            less = set(after) <= set(before)
            effect: Effect = "stricter" if more else "looser" if less else "changed"
            yield Change(f"{name}: {_shown(before)} → {_shown(after)}", effect)
    if old.approvals.distinct_people != new.approvals.distinct_people:
        effect = "stricter" if new.approvals.distinct_people else "looser"
        yield Change("one person may sign several steps, or no longer", effect)


def _waivers(old: Policy, new: Policy) -> Changes:
    before, after = old.waivers, new.waivers
    yield from _age("waivers: longest", before.max_duration, after.max_duration)
    if before.max_renewals != after.max_renewals:
        effect: Effect = "stricter" if after.max_renewals < before.max_renewals else "looser"
        yield Change(f"waivers: renewals {before.max_renewals} → {after.max_renewals}", effect)
    for field in ("role", "quorum", "requires"):
        one, other = getattr(before, field), getattr(after, field)
        if one != other:
            yield Change(f"waivers: {field} {_shown(one)} → {_shown(other)}", "changed")


def _window(policy: Policy) -> str:
    until = policy.effective.until or "open"
    return f"{policy.effective.start} to {until}, grace {policy.effective.grace.days} days"


def bump_fault(old: Policy, new: Policy) -> str:
    """Why the new version's number does not fit what changed; empty when it does.

    A patch changes text only. Whether a larger change is a minor or a major is for its authors: a major
    voids approvals after the grace period, a minor holds from the next submission.
    """
    before, after = (tuple(int(part) for part in policy.version.split(".")) for policy in (old, new))
    if after <= before:
        return f"{new.id}: version {new.version} does not come after {old.version}."
    if before[:2] != after[:2]:
        return ""
    told = f"{new.id}: {old.version} → {new.version} is a patch, which is for text only"
    changed = [change for change in diff(old, new) if change.effect != "text"]
    if changed:
        return f"{told}: {changed[0]}."
    # Whatever the words above may leave out: a patch that asks for anything else is none.
    return "" if _substance(old) == _substance(new) else f"{told}, and it asks for something else."


def _substance(policy: Policy) -> Policy:
    """The policy without its words: what it asks of whom."""
    gates = (replace(gate, title="", source="firm", controls=()) for gate in policy.gates)
    papers = (replace(paper, title="", controls=()) for paper in policy.evidence)
    blank: dict[str, Any] = {"version": "", "digest": "", "title": "", "document": {}, "controls": ()}
    return replace(policy, gates=tuple(gates), evidence=tuple(papers), status="live", **blank)
