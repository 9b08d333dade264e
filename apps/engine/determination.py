"""Model or not: answers to a questionnaire → an outcome by each regime's definition, with every reason.

The definitions differ between regimes, so a thing may be a model for one and none for another. What is
not answered takes nothing out: without answers a thing is a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from apps.engine import strict_yaml
from apps.engine.canonical import canonical, digest
from apps.engine.errors import BadInput
from apps.engine.policy.build import plain
from apps.engine.policy.document import NAME
from apps.engine.policy.form import AnyFields, Fault, Fields, Flag, Items, Number, Path, Text
from apps.engine.policy.library import shipped_folder
from apps.engine.policy.vocabulary import API_VERSION, nearest

Outcome = Literal["model", "non-model", "outside"]
MODEL: Outcome = "model"
OUTCOMES: tuple[Outcome, ...] = ("model", "outside", "non-model")
ANSWERS = ("yes", "no")

_id = Text(pattern=NAME, like="an id")
_RULES = Items(
    Fields(
        {"when": AnyFields(Text(words=ANSWERS)), "because": Text()},
        required=("when", "because"),
    )
)
_DAYS = Number(whole=True, low=1, high=3660)
FORM = Fields(
    {
        "apiVersion": Text(words=(API_VERSION,)),
        "kind": Text(words=("Determination",)),
        "metadata": Fields(
            {
                "id": _id,
                "version": Text(pattern=r"\d{1,6}\.\d{1,6}\.\d{1,6}", like='a version such as "1.0.0"'),
                "title": Text(),
                "owner": Text(),
                "change_note": Text(),
            },
            required=("id", "version", "title"),
        ),
        "asked_again_after_days": Fields(dict.fromkeys(OUTCOMES, _DAYS), required=OUTCOMES),
        "questions": Items(
            Fields({"id": _id, "title": Text(), "hint": Text()}, required=("id", "title")), least=1
        ),
        "definitions": Items(
            Fields(
                {
                    "regime": _id,
                    "says": Text(),
                    "citation": Text(),
                    "verify": Flag(),
                    "outside": _RULES,
                    "non_model": _RULES,
                },
                required=("regime", "says", "citation", "verify"),
            ),
            least=1,
        ),
        "cases": Items(
            Fields(
                {
                    "name": Text(),
                    "given": AnyFields(Text(words=ANSWERS)),
                    "expect": AnyFields(Text(words=OUTCOMES)),
                },
                required=("name", "given", "expect"),
            )
        ),
    },
    required=("apiVersion", "kind", "metadata", "asked_again_after_days", "questions", "definitions"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questionnaire:
    """The questions, each regime's definition, and after how many days one is asked again."""

    id: str
    version: str
    title: str
    digest: str
    questions: tuple[Mapping[str, str], ...]
    definitions: tuple[Mapping[str, Any], ...]
    days: Mapping[str, int]
    cases: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any] = field(repr=False)

    def named(self) -> dict[str, str]:
        """Id, version and digest, as facts name it."""
        return {"id": self.id, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Determined:
    """What the answers come to.

    Parameters
    ----------
    outcome : {"model", "outside", "non-model"}
        The gravest of all definitions: a model for one regime is a model.
    outcomes : mapping
        By regime: outcome, because, citation, verify.
    """

    outcome: Outcome
    outcomes: Mapping[str, Mapping[str, Any]]
    unanswered: tuple[str, ...]
    days: int
    questionnaire: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "outcome": self.outcome,
            "outcomes": {name: dict(found) for name, found in self.outcomes.items()},
            "unanswered": list(self.unanswered),
            "asked_again_after_days": self.days,
            "questionnaire": dict(self.questionnaire),
        }


def read_questionnaire(data: bytes, *, name: str) -> Questionnaire:
    """Read a questionnaire.

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
    value = plain(document.value)
    return Questionnaire(
        **{name: value["metadata"][name] for name in ("id", "version", "title")},
        digest=digest(canonical(value)),
        questions=tuple(value["questions"]),
        definitions=tuple(value["definitions"]),
        days=value["asked_again_after_days"],
        cases=tuple(value.get("cases") or ()),
        document=value,
    )


def _whole_faults(value: Mapping[str, Any]) -> Iterator[Fault]:
    known = [question["id"] for question in value["questions"]]
    for name in sorted({name for name in known if known.count(name) > 1}):
        yield Fault(("questions",), f'The question "{name}" stands twice.')
    regimes = [definition["regime"] for definition in value["definitions"]]
    for name in sorted({name for name in regimes if regimes.count(name) > 1}):
        yield Fault(("definitions",), f"{name} is defined twice.")
    for path, names in _asked(value):
        for name in names:
            if name not in known:
                yield Fault((*path, name), f'There is no question "{name}".{nearest(name, known)}', True)
        if path[-1] == "when" and not names:
            yield Fault(path, "A rule without a condition would take everything out.")
    for i, case in enumerate(value.get("cases") or ()):
        for name in case["expect"]:
            if name not in regimes:
                at: Path = ("cases", i, "expect", name)
                yield Fault(at, f'There is no definition of "{name}".{nearest(name, regimes)}', True)


def _asked(value: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, str]]]:
    for i, definition in enumerate(value["definitions"]):
        for way in ("outside", "non_model"):
            for j, rule in enumerate(definition.get(way) or ()):
                yield ("definitions", i, way, j, "when"), rule["when"]
    for i, case in enumerate(value.get("cases") or ()):
        yield ("cases", i, "given"), case["given"]


@lru_cache(maxsize=1)
def shipped() -> Questionnaire:
    """The questionnaire that comes with the program; BadInput where a case of its own fails."""
    path = shipped_folder() / "tiering" / "determination.yaml"
    found = read_questionnaire(path.read_bytes(), name=path.name)
    if faults := case_faults(found):
        raise BadInput(f"{path.name}: its own case fails: {faults[0]}")
    return found


def determined(answers: Mapping[str, Any], questionnaire: Questionnaire) -> Determined:
    """What a thing is, by the answers about it.

    Parameters
    ----------
    answers : mapping
        By the id of the question, ``yes`` or ``no``; None, empty or absent counts as not answered.

    Raises
    ------
    BadInput
        A question or an answer that the questionnaire does not know.
    """
    given = _given(answers, questionnaire)
    outcomes = {d["regime"]: _by(d, given) for d in questionnaire.definitions}
    found = {one["outcome"] for one in outcomes.values()}
    outcome = next(name for name in OUTCOMES if name in found)
    return Determined(
        outcome=outcome,
        outcomes=outcomes,
        unanswered=tuple(q["id"] for q in questionnaire.questions if q["id"] not in given),
        days=questionnaire.days[outcome],
        questionnaire=questionnaire.named(),
    )


def _given(answers: Mapping[str, Any], questionnaire: Questionnaire) -> dict[str, str]:
    known = {question["id"]: question["title"] for question in questionnaire.questions}
    for name, answer in answers.items():
        if name not in known:
            raise BadInput(f'{questionnaire.id} has no question "{name}".{nearest(name, known)}')
        if answer not in (None, "", *ANSWERS):
            raise BadInput(f'{known[name]}: "{answer}" is no answer; it is yes or no.')
    return {name: answer for name, answer in answers.items() if answer}


def _by(definition: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    told = {"citation": definition["citation"], "verify": definition["verify"]}
    ways: tuple[tuple[str, Outcome], ...] = (("outside", "outside"), ("non_model", "non-model"))
    for way, outcome in ways:
        for rule in definition.get(way) or ():
            if all(given.get(name) == wanted for name, wanted in rule["when"].items()):
                return {"outcome": outcome, "because": rule["because"], **told}
    return {"outcome": MODEL, "because": definition["says"], **told}


def case_faults(questionnaire: Questionnaire) -> list[str]:
    """The questionnaire's own cases that come out otherwise than they must."""
    found = ((case["name"], case_fault(case, questionnaire)) for case in questionnaire.cases)
    return [f"{name}: {fault}" for name, fault in found if fault]


def case_fault(case: Mapping[str, Any], questionnaire: Questionnaire) -> str:
    """What comes out otherwise than a case expects; empty when it is as expected."""
    found = determined(case["given"], questionnaire).outcomes
    return " ".join(
        f"{regime} says {found[regime]['outcome']}, not {wanted}."
        for regime, wanted in case["expect"].items()
        if found[regime]["outcome"] != wanted
    )
