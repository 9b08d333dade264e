"""Trying a scorecard: what lint finds, what no case would notice, what changes in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from apps.engine.policy.vocabulary import ROLES, nearest
from apps.engine.tier import Scorecard, case_fault, case_faults, scorecard_of

OWNER = "model-risk-policy"


def owner_of(scorecard: Scorecard) -> str:
    """The role whose members release it."""
    return str(scorecard.document["metadata"].get("owner") or OWNER)


def lint(scorecard: Scorecard) -> list[str]:
    """What is wrong with a scorecard that can be read: cases that fail, tiers out of reach or untried."""
    faults = [
        f"The case “{case['name']}” fails: {fault}"
        for case in scorecard.cases
        if (fault := case_fault(case, scorecard))
    ]
    if owner_of(scorecard) not in ROLES:
        faults.append(f'There is no role "{owner_of(scorecard)}".{nearest(owner_of(scorecard), ROLES)}')
    most = sum(question.most for question in scorecard.questions)
    faults += [
        f"Tier {tier} begins at {least} points; all answers together give at most {most}."
        for tier, least in scorecard.tiers
        if least > most
    ]
    tried = {case["expect"] for case in scorecard.cases}
    faults += [f"No case expects tier {tier}." for tier, _ in scorecard.tiers if tier not in tried]
    return faults


@dataclass(frozen=True, slots=True)
class Weakening:
    """A scorecard with one thing taken out of it, in words."""

    change: str
    scorecard: Scorecard


def weakenings(scorecard: Scorecard) -> Iterator[Weakening]:
    """Every way to make it milder by one step."""
    for i, line in enumerate(scorecard.document["tiers"]):
        if line["from_points"]:
            document = deepcopy(dict(scorecard.document))
            document["tiers"][i]["from_points"] += 1
            yield _milder(f"tier {line['tier']} from {line['from_points'] + 1} points", document)
    for i, question in enumerate(scorecard.document["questions"]):
        document = deepcopy(dict(scorecard.document))
        _empty(document["questions"][i])
        yield _milder(f"no points for “{question['title']}”", document)
    for i, floor in enumerate(scorecard.document.get("at_least") or ()):
        document = deepcopy(dict(scorecard.document))
        del document["at_least"][i]
        yield _milder(f"without “{floor['because']}”", document)


def _milder(change: str, document: Mapping[str, Any]) -> Weakening:
    return Weakening(change, scorecard_of(document))


def _empty(question: dict[str, Any]) -> None:
    for name in question.get("answers") or ():
        question["answers"][name] = 0
    for band in question.get("bands") or ():
        band["points"] = 0


def survivors(scorecard: Scorecard) -> list[str]:
    """The weakenings that none of its cases notices."""
    return [one.change for one in weakenings(scorecard) if not case_faults(one.scorecard)]


def diff(old: Scorecard, new: Scorecard) -> list[str]:
    """What changed, in words; empty where both ask and judge alike."""
    return [*_questions(old, new), *_tiers(old, new), *_floors(old, new), *_texts(old, new)]


def _questions(old: Scorecard, new: Scorecard) -> Iterator[str]:
    before = {q["id"]: q for q in old.document["questions"]}
    after = {q["id"]: q for q in new.document["questions"]}
    yield from (f"Question added: {after[name]['title']}" for name in after.keys() - before.keys())
    yield from (f"Question taken out: {before[name]['title']}" for name in before.keys() - after.keys())
    for name in (name for name in after if name in before):
        yield from _points(before[name], after[name])


def _points(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    one, other = before.get("answers") or {}, after.get("answers") or {}
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield f"{after['title']}: {name} {_said(one.get(name))} → {_said(other.get(name))}."
    if before.get("bands") != after.get("bands"):
        yield f"{after['title']}: {_bands(before)} → {_bands(after)}."


def _said(points: int | None) -> str:
    return "no answer" if points is None else _many(points)


def _bands(question: Mapping[str, Any]) -> str:
    bands = question.get("bands") or ()
    told = (
        f"{band['points']} below {band['below']}" if band.get("below") else f"else {band['points']}"
        for band in bands
    )
    return ", ".join(told) or "no bands"


def _tiers(old: Scorecard, new: Scorecard) -> Iterator[str]:
    before, after = dict(old.tiers), dict(new.tiers)
    for tier in sorted({*before, *after}):
        one, other = before.get(tier), after.get(tier)
        if one != other:
            milder = one is not None and other is not None and other > one
            word = " (milder)" if milder else " (stricter)" if one is not None and other is not None else ""
            yield f"Tier {tier}: from {_from(one)} → {_from(other)}{word}."
        if old.reviews.get(tier) != new.reviews.get(tier):
            days = old.reviews.get(tier), new.reviews.get(tier)
            yield f"Tier {tier}: reviewed every {days[0] or 'no'} → {days[1] or 'no'} days."


def _from(points: int | None) -> str:
    return "no such tier" if points is None else _many(points)


def _many(points: int) -> str:
    return "1 point" if points == 1 else f"{points} points"


def _floors(old: Scorecard, new: Scorecard) -> Iterator[str]:
    before, after = ([(tier, dict(when)) for tier, when, _ in card.floors] for card in (old, new))
    yield from (f"At least tier {t} no longer for {_when(w)}." for t, w in before if (t, w) not in after)
    yield from (f"At least tier {t} for {_when(w)}." for t, w in after if (t, w) not in before)


def _when(when: Mapping[str, list[str]]) -> str:
    return " and ".join(f"{name} {' or '.join(answers)}" for name, answers in when.items())


def _texts(old: Scorecard, new: Scorecard) -> Iterator[str]:
    if old.title != new.title:
        yield f"Title: {old.title} → {new.title}."
    titles = {q.id: q.title for q in old.questions}
    for question in new.questions:
        if titles.get(question.id, question.title) != question.title:
            yield f"Question: {titles[question.id]} → {question.title}."


def bump_fault(old: Scorecard, new: Scorecard) -> str:
    """Why the new version cannot follow the old one; empty where it can.

    A patch is for text; what changes a tier, a question or a date raises at least the minor number.
    """
    before, after = _number(old), _number(new)
    if old.id == new.id and after <= before:
        return f"{new.id}@{new.version} does not come after {old.version}, which is released."
    patch = old.id == new.id and after[:2] == before[:2]
    if patch and _substance(old) != _substance(new):
        return f"{new.id}@{new.version} is a patch, which is for text only; it changes how tiers are found."
    return ""


def _number(scorecard: Scorecard) -> tuple[int, ...]:
    return tuple(int(part) for part in scorecard.version.split("."))


def _substance(scorecard: Scorecard) -> dict[str, Any]:
    questions = [(q.id, dict(q.answers), q.bands) for q in scorecard.questions]
    floors = [(tier, dict(when)) for tier, when, _ in scorecard.floors]
    return {
        "questions": questions,
        "tiers": scorecard.tiers,
        "reviews": dict(scorecard.reviews),
        "floors": floors,
        "owner": owner_of(scorecard),
    }
