"""What a policy asks, in sentences that a risk officer can read aloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from apps.engine.catalogue import all_checks
from apps.engine.catalogue.spec import Check
from apps.engine.policy.deployment import rules_of
from apps.engine.policy.model import Gate, Policy
from apps.engine.policy.vocabulary import FIELDS

_SOURCES = {
    "law": "A law sets the bound.",
    "guidance": "A supervisor's guidance suggests the bound.",
    "firm": "The bound is the firm's own.",
}
_NO_DATA = {"artifact?", "declared"}
_ENFORCED = {
    "mandatory": "If it does not hold, nothing goes into production and nobody can waive it.",
    "waivable": "If it does not hold, nothing goes into production until a waiver covers it for a time.",
    "advisory": "If it does not hold, that is shown and blocks nothing.",
}
_OPERATORS = {
    "gte": "at least {}",
    "gt": "more than {}",
    "lte": "at most {}",
    "lt": "less than {}",
    "eq": "{}",
    "ne": "not {}",
    "any_of": "{}",
    "all_of": "all of {}",
    "none_of": "none of {}",
}


def gate_sentence(gate: Gate) -> str:
    """What one gate asks, of whom, and what follows.

    Examples
    --------
    >>> from apps.engine.policy.model import Bound
    >>> gate = Gate(id="auc", title="It separates", check="performance.auc", arguments={},
    ...             bound=Bound(min=Decimal("0.70")), warn=Bound(min=Decimal("0.72")))
    >>> gate_sentence(gate)[:90]
    'It separates: “Area under the ROC curve” on the data “holdout” must be at least 0.70. Belo'
    """
    check = all_checks().get(gate.check)
    return " ".join(part for part in (_demand(gate, check), *_terms(gate)) if part)


def _demand(gate: Gate, check: Check | None) -> str:
    name = check.title if check is not None else gate.check
    needs = check.needs if check is not None else ()
    on = "" if needs and set(needs) <= _NO_DATA else f" on the data “{gate.dataset}”"
    against = f" against “{gate.reference}”" if any(need.startswith("reference") for need in needs) else ""
    words = gate.bound.words()
    must = "must have been done" if words == "any number" else f"must be {words}"
    return f"{gate.title}: “{name}”{on}{against} {must}."


def _terms(gate: Gate) -> Iterator[str]:
    if gate.warn is not None:
        ends = ((gate.warn.min, "below"), (gate.warn.max, "above"))
        told = " or ".join(f"{word} {end:f}" for end, word in ends if end is not None)
        yield f"{told[:1].upper()}{told[1:]} it warns." if told else ""
    if gate.basis == "interval":
        yield "Not only the estimate: the whole 95 % interval must hold."
    if gate.match:
        yield f"It is asked only where {conditions(gate.match)}."
    if gate.unless:
        yield f"It is not asked where {conditions(gate.unless, join='or')}."
    yield _ENFORCED[gate.enforcement]
    if gate.on_review == "warn":
        yield "“Review” is a warning, not a failure."
    if gate.max_age is not None:
        yield f"A result older than {_count(gate.max_age.days, 'day')} counts as missing."
    yield _ACCEPTED.get(gate.accept, "")
    yield f"Severity: {gate.severity}."
    if gate.bound.words() != "any number":
        yield _SOURCES[gate.source]


_ACCEPTED = {
    "asked": "Scores that a service gives when it is asked are enough.",
    "supplied": "A number handed in is enough.",
}


def policy_sentences(policy: Policy) -> list[str]:
    """What the policy asks as a whole: of which models, when, of which people, for how long.

    Examples
    --------
    >>> from apps.engine.policy import read_policy, shipped_folder
    >>> text = (shipped_folder() / "baseline-all" / "policy.yaml").read_bytes()
    >>> policy_sentences(read_policy(text, name="policy.yaml"))[0]
    'It speaks of every model.'
    """
    return [*_reach(policy), *_people(policy), *_papers(policy), *_times(policy), *_deploying(policy)]


def _reach(policy: Policy) -> Iterator[str]:
    applies = policy.applies_to
    where = f" in {_listed(applies.environments, 'or')}" if applies.environments else ""
    whom = f"models{where} where {conditions(applies.match)}" if applies.match else f"every model{where}"
    but = f", but not where {conditions(applies.unless, join='or')}" if applies.unless else ""
    yield f"It speaks of {whom}{but}."
    window = policy.effective
    until = f" to the day before {window.until:%-d %B %Y}" if window.until else ", with no end"
    yield f"It is in force from {window.start:%-d %B %Y}{until}."
    blocking = sum(gate.blocking for gate in policy.gates)
    yield f"It has {_count(len(policy.gates), 'gate')}, of which {blocking} can stop a model."


def _people(policy: Policy) -> Iterator[str]:
    for step in policy.approvals.steps:
        after = f", after {_listed(step.after, 'and')}" if step.after else ""
        where = f", where {conditions(step.match)}" if step.match else ""
        people = "1 person signs" if step.quorum == 1 else f"{step.quorum} people sign"
        yield f"{people} as {step.role} (step “{step.id}”{after}){where}."
    if policy.approvals.approver_not:
        yield f"Nobody signs who is {_listed(policy.approvals.approver_not, 'or')}."
    if policy.approvals.distinct_people:
        yield "Nobody signs two steps of one approval."


def _papers(policy: Policy) -> Iterator[str]:
    for rule in policy.evidence:
        signed = f" signed by someone with the role {rule.signed_by}" if rule.signed_by else ""
        age = f", not older than {_count(rule.max_age.days, 'day')}" if rule.max_age else ""
        where = f", where {conditions(rule.match)}" if rule.match else ""
        must = "is needed" if rule.required else "may be given"
        yield f"{rule.title} ({rule.type}){signed}{age} {must}{where}."


def _times(policy: Policy) -> Iterator[str]:
    full, short = policy.validity.approval.days, policy.validity.conditional.days
    yield f"An approval holds for {_count(full, 'day')}, one with conditions for {_count(short, 'day')}."
    if any(gate.enforcement == "waivable" for gate in policy.gates):
        rules = policy.waivers
        who = "1 person" if rules.quorum == 1 else f"{rules.quorum} people"
        longest = _count(rules.max_duration.days, "day")
        again = (
            f"renewed at most {_count(rules.max_renewals, 'time')}" if rules.max_renewals else "never renewed"
        )
        yield f"A waivable gate is waived by {who} as {rules.role}, for at most {longest}, {again}."


def _deploying(policy: Policy) -> Iterator[str]:
    rules = rules_of(policy.document)
    if rules:
        yield f"A version is deployed as {_listed(rules.allowed_types, 'or')}, and as nothing else."
    for pattern in rules.patterns:
        asked = [f"{name} {condition.words()}" for name, condition in pattern.requires.items()]
        states = f", stating {_listed(asked, 'and')}" if asked else ""
        yield f"Deploy pattern “{pattern.title or pattern.id}”: as {_listed(pattern.types, 'or')}{states}."


def conditions(match: Mapping[str, Any], *, join: str = "and") -> str:
    """The lines of `match` or `unless` in words.

    Examples
    --------
    >>> conditions({"model.tier": [1, 2], "model.exposure_eur": {"gte": 50}})
    'model.tier is 1 or 2 and model.exposure_eur is at least 50'
    """
    usual = [name for name in FIELDS if name in match]
    names = [*usual, *sorted(name for name in match if name not in FIELDS)]
    return f" {join} ".join(f"{name} is {_wanted(match[name])}" for name in names)


def _wanted(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _any(value)
    return " and ".join(_OPERATORS.get(key, key + " {}").format(_any(item)) for key, item in value.items())


def _any(value: Any) -> str:
    return _listed(value, "or") if isinstance(value, (list, tuple)) else _word(value)


def _listed(values: Any, join: str) -> str:
    held = [_word(value) for value in values]
    return held[0] if len(held) == 1 else f"{', '.join(held[:-1])} {join} {held[-1]}" if held else "nothing"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
