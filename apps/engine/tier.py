"""Materiality answers → tier, by a versioned scorecard, with every reason.

What is not answered counts as the answer with the most points: nothing is of a low tier for want of answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Any

from apps.engine import strict_yaml
from apps.engine.canonical import canonical, digest
from apps.engine.errors import BadInput
from apps.engine.policy.build import plain
from apps.engine.policy.document import NAME
from apps.engine.policy.form import (
    AnyFields,
    Anything,
    Fault,
    Faults,
    Fields,
    Items,
    Number,
    Path,
    Text,
    shown,
)
from apps.engine.policy.vocabulary import API_VERSION, nearest

_id = Text(pattern=r"[a-z][a-z0-9_]{0,60}", like="a name of small letters, digits and underscores")


def _question_faults(value: Mapping[str, Any], path: Path) -> Faults:
    if ("answers" in value) == ("bands" in value):
        yield Fault(path, "A question needs either “answers” (to choose from) or “bands” (of a number).")
    bands = value.get("bands")
    if isinstance(bands, list) and bands and all(isinstance(band, dict) for band in bands):
        ends = [band.get("below") for band in bands]
        if ends[-1] is not None or any(end is None for end in ends[:-1]):
            yield Fault((*path, "bands"), "Every band but the last needs “below”, and the last has none.")
        elif any(not _rises(one, other) for one, other in pairwise(ends[:-1])):
            yield Fault((*path, "bands"), "The ends of the bands must rise.")


def _rises(one: Any, other: Any) -> bool:
    return isinstance(one, (int, Decimal)) and isinstance(other, (int, Decimal)) and one < other


_points = Number(whole=True, low=0, high=1000)
FORM = Fields(
    {
        "apiVersion": Text(words=(API_VERSION,)),
        "kind": Text(words=("Scorecard",)),
        "metadata": Fields(
            {
                "id": Text(pattern=NAME, like="an id"),
                "version": Text(pattern=r"\d{1,6}\.\d{1,6}\.\d{1,6}", like='a version such as "1.0.0"'),
                "title": Text(),
                "owner": Text(),
                "change_note": Text(),
            },
            required=("id", "version", "title"),
        ),
        "questions": Items(
            Fields(
                {
                    "id": _id,
                    "title": Text(),
                    "answers": AnyFields(_points),
                    "bands": Items(
                        Fields({"below": Number(), "points": _points}, required=("points",)), least=1
                    ),
                },
                required=("id", "title"),
                also=_question_faults,
            ),
            least=1,
        ),
        "tiers": Items(
            Fields(
                {
                    "tier": Number(whole=True, low=1, high=9),
                    "from_points": _points,
                    "review": Text(pattern=r"P[1-9]\d{0,3}D", like="a duration in days such as P365D"),
                },
                required=("tier", "from_points"),
            ),
            least=2,
        ),
        "at_least": Items(
            Fields(
                {
                    "tier": Number(whole=True, low=1, high=9),
                    "when": AnyFields(Items(Text(), least=1)),
                    "because": Text(),
                },
                required=("tier", "when", "because"),
            )
        ),
        "cases": Items(
            Fields(
                {"name": Text(), "given": AnyFields(Anything()), "expect": Number(whole=True, low=1, high=9)},
                required=("name", "given", "expect"),
            )
        ),
    },
    required=("apiVersion", "kind", "metadata", "questions", "tiers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: answers to choose from with their points, or bands of a number."""

    id: str
    title: str
    answers: Mapping[str, int] = field(default_factory=dict)
    bands: tuple[tuple[Decimal | None, int], ...] = ()

    @property
    def most(self) -> int:
        """The points of the gravest answer."""
        return max([*self.answers.values(), *(points for _, points in self.bands)])

    def points(self, answer: Any) -> int:
        """The points of an answer; BadInput where the question does not know it."""
        if self.answers:
            if answer in self.answers:
                return self.answers[answer]
            hint = nearest(answer, self.answers)
            raise BadInput(f'{self.title}: "{answer}" is no answer.{hint}')
        number = _number(answer)
        if number is None:
            raise BadInput(f"{self.title}: {shown(answer)} is no number.")
        return next(points for end, points in self.bands if end is None or number < end)


def _number(value: Any) -> Decimal | None:
    """A number, or the text of one as JSON carries decimals."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """A released way to tell tiers: questions, points, and answers that settle it alone."""

    id: str
    version: str
    title: str
    digest: str
    questions: tuple[Question, ...]
    tiers: tuple[tuple[int, int], ...]
    reviews: Mapping[int, int]
    floors: tuple[tuple[int, Mapping[str, list[str]], str], ...]
    cases: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The tier (1 is the gravest), the points, why, and in how many days it is to be looked at again."""

    tier: int
    points: int
    reasons: tuple[str, ...]
    scorecard: Mapping[str, str]
    unanswered: tuple[str, ...] = ()
    review_days: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "tier": self.tier,
            "points": self.points,
            "reasons": list(self.reasons),
            "unanswered": list(self.unanswered),
            "review_days": self.review_days,
            "scorecard": dict(self.scorecard),
        }


def read_scorecard(data: bytes, *, name: str) -> Scorecard:
    """Read a scorecard.

    Raises
    ------
    BadInput
        With file, line and column.
    """
    document = strict_yaml.read(data, name=name)
    faults = list(FORM.faults(document.value, ()))
    faults = faults or list(_whole_faults(document.value))
    for fault in faults:
        raise document.refuse(fault.path, fault.sentence, key=fault.on_key)
    return scorecard_of(plain(document.value))


def scorecard_of(document: Mapping[str, Any]) -> Scorecard:
    """The scorecard of a document in plain JSON, as `Scorecard.document` holds it."""
    metadata = document["metadata"]
    return Scorecard(
        id=metadata["id"],
        version=metadata["version"],
        title=metadata["title"],
        digest=digest(canonical(document)),
        questions=tuple(_question(given) for given in document["questions"]),
        tiers=tuple(sorted((line["tier"], line["from_points"]) for line in document["tiers"])),
        reviews={line["tier"]: int(line["review"][1:-1]) for line in document["tiers"] if "review" in line},
        floors=tuple((f["tier"], f["when"], f["because"]) for f in document.get("at_least") or ()),
        cases=tuple(document.get("cases") or ()),
        document=document,
    )


def _question(given: Mapping[str, Any]) -> Question:
    bands = tuple(
        (None if band.get("below") is None else Decimal(str(band["below"])), band["points"])
        for band in given.get("bands") or ()
    )
    return Question(id=given["id"], title=given["title"], answers=given.get("answers") or {}, bands=bands)


def _whole_faults(value: Mapping[str, Any]) -> Iterator[Fault]:
    tiers = sorted((line["tier"], line["from_points"]) for line in value["tiers"])
    if len({tier for tier, _ in tiers}) < len(tiers):
        yield Fault(("tiers",), "A tier stands twice.")
    if tiers[-1][1] != 0:
        yield Fault(("tiers",), f"The lowest tier, {tiers[-1][0]}, must begin at 0 points.")
    if any(high[1] <= low[1] for high, low in pairwise(tiers)):
        yield Fault(("tiers",), "A graver tier must begin at more points.")
    yield from _floor_faults(value)


def _floor_faults(value: Mapping[str, Any]) -> Iterator[Fault]:
    known = {question["id"]: question for question in value["questions"]}
    if len(known) < len(value["questions"]):
        yield Fault(("questions",), "A question stands twice.")
    for i, floor in enumerate(value.get("at_least") or ()):
        for name, answers in floor["when"].items():
            path: Path = ("at_least", i, "when", name)
            choices = known.get(name, {}).get("answers")
            if choices is None:
                yield Fault(
                    path, f'There is no question to choose from called "{name}".{nearest(name, known)}', True
                )
                continue
            for answer in answers:
                if answer not in choices:
                    yield Fault(path, f'"{answer}" is no answer to {name}.{nearest(answer, choices)}')


def tier_of(answers: Mapping[str, Any], scorecard: Scorecard) -> Tier:
    """The tier of a model by the answers about it.

    Parameters
    ----------
    answers : mapping
        By the id of the question; None or absent counts as the gravest answer.

    Raises
    ------
    BadInput
        A question or an answer that the scorecard does not know.
    """
    known = {question.id: question for question in scorecard.questions}
    for name in answers:
        if name not in known:
            raise BadInput(f'{scorecard.id} has no question "{name}".{nearest(name, known)}')
    reasons, total = [], 0
    unanswered = tuple(name for name in known if answers.get(name) is None)
    for name, question in known.items():
        points = question.most if name in unanswered else question.points(answers[name])
        said = "not answered, so it counts most" if name in unanswered else str(answers[name])
        reasons.append(f"{question.title}: {said} ({points} points).")
        total += points
    tier = next(tier for tier, least in scorecard.tiers if total >= least)
    reasons.append(f"{total} points are tier {tier}.")
    for floor, when, because in scorecard.floors:
        if (
            all(answers.get(name) is None or answers[name] in wanted for name, wanted in when.items())
            and floor < tier
        ):
            tier = floor
            reasons.append(f"{because} It is at least tier {floor}.")
    named = {"id": scorecard.id, "version": scorecard.version, "digest": scorecard.digest}
    return Tier(
        tier=tier,
        points=total,
        reasons=tuple(reasons),
        scorecard=named,
        unanswered=unanswered,
        review_days=scorecard.reviews.get(tier),
    )


def case_faults(scorecard: Scorecard) -> list[str]:
    """The scorecard's own cases that come out otherwise than they must."""
    return [f"{case['name']}: {fault}" for case in scorecard.cases if (fault := case_fault(case, scorecard))]


def case_fault(case: Mapping[str, Any], scorecard: Scorecard) -> str:
    """What comes out otherwise than a case expects; empty when it is as expected."""
    try:
        found = tier_of(case["given"], scorecard)
    except BadInput as problem:
        return str(problem)
    return (
        ""
        if found.tier == case["expect"]
        else f"tier {found.tier} ({found.points} points), not {case['expect']}."
    )
