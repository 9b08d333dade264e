"""`extends`: a child policy may only tighten, and this proves it line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apps.engine.policy import deployment_rules
from apps.engine.policy import vocabulary as words
from apps.engine.policy.form import Fault, Path
from apps.engine.policy.model import days

Doc = Mapping[str, Any]
Say = Callable[[Path, str], None]
_FREE = {"id", "title", "note", "source", "controls"}


def merged(child: Doc, parent: Doc, faults: list[Fault]) -> dict[str, Any]:
    """The child with what it inherits; each loosening is added to `faults`.

    Parameters
    ----------
    child, parent : Mapping
        Documents of the form of a policy, parameters resolved; the parent is complete.
    faults : list of Fault
        Paths are those of the child.
    """
    name = f"{parent['metadata']['id']}@{parent['metadata']['version']}"

    def say(path: Path, sentence: str) -> None:
        faults.append(Fault(path, f"{sentence} in {name}."))

    answer = dict(child)
    answer["gates"] = _listed(child, parent, ("gates",), _Gate(say).tighter)
    answer["evidence"] = _listed(child, parent, ("evidence",), _Evidence(say).tighter)
    before = {"on_missing": parent.get("on_missing", "fail")}
    answer["on_missing"] = _ranked((("on_missing",), "on_missing"), child, before, words.ON_MISSING, say=say)
    answer["deployment"] = deployment_rules.inherited(child, parent, say)
    answer["hardware"] = _hardware(child, parent, say)
    answer["disclosure"] = _disclosure(child, parent, say)
    answer["submission"] = _submission(child, parent, say)
    answer["approvals"] = _approvals(child, parent, say)
    answer["validity"] = _validity(child.get("validity") or {}, parent.get("validity") or {}, say)
    answer["waivers"] = _waivers(child.get("waivers") or {}, parent.get("waivers") or {}, say)
    return {key: value for key, value in answer.items() if value not in ({}, []) or key == "gates"}


def _listed(
    child: Doc, parent: Doc, path: Path, tighter: Callable[[Doc, Doc, Path], dict[str, Any]]
) -> list[Any]:
    """The parent's items in their order, each tightened by the child's of the same id, then the new ones."""
    key = str(path[-1])
    mine = {item["id"]: (item, (*path, i)) for i, item in enumerate(child.get(key) or ())}
    theirs = parent.get(key) or ()
    answer = [
        tighter(mine[item["id"]][0], item, mine[item["id"]][1]) if item["id"] in mine else item
        for item in theirs
    ]
    inherited = {item["id"] for item in theirs}
    return answer + [item for name, (item, _) in mine.items() if name not in inherited]


def _ranked(at: tuple[Path, str], mine: Doc, theirs: Doc, ranks: Sequence[str], *, say: Say) -> Any:
    path, key = at
    if key not in mine:
        return theirs.get(key)
    if key in theirs and ranks.index(mine[key]) < ranks.index(theirs[key]):
        say(path, f"{key} {mine[key]} is looser than {theirs[key]}")
    return mine[key]


def _shorter(at: tuple[Path, str], mine: Doc, theirs: Doc, *, say: Say) -> Any:
    path, key = at
    if key not in mine:
        return theirs.get(key)
    if key in theirs and days(mine[key]) > days(theirs[key]):
        say((*path, key), f"{key} {mine[key]} is longer than {theirs[key]}")
    return mine[key]


def _superset(at: tuple[Path, str], mine: Doc, theirs: Doc, *, say: Say) -> list[Any]:
    path, key = at
    held = list(theirs.get(key) or ())
    if key not in mine:
        return held
    lost = [item for item in held if item not in mine[key]]
    if lost:
        say((*path, key), f"{key} leaves out {', '.join(map(str, lost))}, which is asked for")
    return list(mine[key])


def _conditions(mine: Doc, theirs: Doc, path: Path, say: Say) -> dict[str, Any]:
    """`match` may be dropped or stay; `unless` likewise: anything else could take the duty away."""
    answer: dict[str, Any] = {}
    for key in ("match", "unless"):
        value = mine.get(key, theirs.get(key))
        if key in mine and mine[key] and mine[key] != theirs.get(key):
            say((*path, key), f"{mine['id']}: {key} differs from that")
        if value:
            answer[key] = value
    return answer


class _Gate:
    """Tightens one gate."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def tighter(self, mine: Doc, theirs: Doc, path: Path) -> dict[str, Any]:
        def say(at: Path, sentence: str) -> None:
            self._say(at, f"{mine['id']}: {sentence}")

        answer = {**theirs, **{key: mine[key] for key in _FREE if key in mine}}
        answer.pop("match", None)
        answer.pop("unless", None)
        for key in ("check", "with"):
            if key in mine and mine[key] != theirs.get(key):
                say((*path, key), f"{key} differs from that")
        for key in ("pass", "warn"):
            answer[key] = _bound(mine.get(key) or {}, theirs.get(key) or {}, (*path, key), say)
        for key, ranks, default in _RANKED:
            if key not in mine and key not in theirs:
                continue
            held = {key: theirs.get(key, default)}
            answer[key] = _ranked(((*path, key), key), mine, held, ranks, say=say)
        answer["max_age"] = _shorter((path, "max_age"), mine, theirs, say=say)
        answer.update(_conditions(mine, theirs, path, self._say))
        return {key: value for key, value in answer.items() if value not in (None, {})}


_RANKED: tuple[tuple[str, Sequence[str], str], ...] = (
    ("basis", words.BASES, "estimate"),
    ("enforcement", words.ENFORCEMENTS, "mandatory"),
    ("severity", words.SEVERITIES, "high"),
    ("accept", words.ACCEPTS, "governed"),
    ("hardware", words.HARDWARE, "cpu"),
    ("on_review", words.ON_REVIEW, "fail"),
)


def _bound(mine: Doc, theirs: Doc, path: Path, say: Say) -> dict[str, Any]:
    answer = dict(theirs)
    word = "" if path[-1] == "pass" else "warn "
    for side, value in mine.items():
        held = theirs.get(side)
        if held is not None and _looser(side, value, held):
            say((*path, side), f"{word}{side} {value} is looser than {held}")
        answer[side] = value
    return answer


def _looser(side: str, value: Any, held: Any) -> bool:
    mine, theirs = Decimal(str(value)), Decimal(str(held))
    return mine < theirs if side == "min" else mine > theirs


class _Evidence:
    """Tightens one document that people must give."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def tighter(self, mine: Doc, theirs: Doc, path: Path) -> dict[str, Any]:
        answer = {**theirs, **{key: mine[key] for key in _FREE - {"source"} if key in mine}}
        answer.pop("match", None)
        answer.pop("unless", None)
        for key in ("type", "signed_by"):
            if key in mine and key in theirs and mine[key] != theirs[key]:
                self._say((*path, key), f"{mine['id']}: {key} differs from {theirs[key]}")
            if key in mine:
                answer[key] = mine[key]
        if mine.get("required") is False and theirs.get("required", True):
            self._say((*path, "required"), f"{mine['id']} is no longer required, as it is")
        answer["required"] = mine.get("required", theirs.get("required", True))
        answer["max_age"] = _shorter((path, "max_age"), mine, theirs, say=self._say)
        answer.update(_conditions(mine, theirs, path, self._say))
        return {key: value for key, value in answer.items() if value is not None}


def _hardware(child: Doc, parent: Doc, say: Say) -> dict[str, Any]:
    mine, theirs = child.get("hardware") or {}, parent.get("hardware") or {}
    asked = _superset((("hardware",), "approval"), mine, theirs, say=say)
    return {"approval": asked} if asked else {}


def _disclosure(child: Doc, parent: Doc, say: Say) -> dict[str, Any]:
    mine = (child.get("disclosure") or {}).get("min_rows")
    theirs = (parent.get("disclosure") or {}).get("min_rows") or 0
    if mine is not None and mine < theirs:
        say(("disclosure", "min_rows"), f"{mine} shows smaller groups than {theirs}")
    least = max(mine or 0, theirs)
    return {"min_rows": least} if least else {}


def _submission(child: Doc, parent: Doc, say: Say) -> dict[str, Any]:
    mine, theirs = child.get("submission") or {}, parent.get("submission") or {}
    least, before = mine.get("completeness"), theirs.get("completeness") or 0
    if least is not None and least < before:
        say(("submission", "completeness"), f"{least} is less complete than {before}")
    answer: dict[str, Any] = {
        "completeness": max(least or 0, before),
        "parts": _superset((("submission",), "parts"), mine, theirs, say=say),
    }
    return {key: value for key, value in answer.items() if value}


def _approvals(child: Doc, parent: Doc, say: Say) -> dict[str, Any]:
    mine, theirs = child.get("approvals") or {}, parent.get("approvals") or {}
    answer: dict[str, Any] = {
        "steps": _listed(mine, theirs, ("approvals", "steps"), lambda m, t, p: _step(m, t, p, say)),
        "void_on": _superset((("approvals",), "void_on"), mine, theirs, say=say),
        "separation_of_duties": _separation(mine, theirs, say),
    }
    return {key: value for key, value in answer.items() if value}


def _step(mine: Doc, theirs: Doc, path: Path, say: Say) -> dict[str, Any]:
    if mine.get("role", theirs.get("role")) != theirs.get("role"):
        say((*path, "role"), f"{mine['id']}: role {mine['role']} differs from {theirs.get('role')}")
    quorum = mine.get("quorum", theirs.get("quorum", 1))
    if quorum < theirs.get("quorum", 1):
        say((*path, "quorum"), f"{mine['id']}: quorum {quorum} is lower than {theirs.get('quorum', 1)}")
    answer = {**theirs, "quorum": quorum, "after": _superset((path, "after"), mine, theirs, say=say)}
    answer.pop("match", None)
    answer.pop("unless", None)
    answer.update(_conditions(mine, theirs, path, say))
    return {key: value for key, value in answer.items() if value != []}


def _separation(mine: Doc, theirs: Doc, say: Say) -> list[dict[str, Any]]:
    """One rule a name; who an approver must not be can only grow."""
    held = {rule["rule"]: rule for rule in theirs.get("separation_of_duties") or ()}
    for i, rule in enumerate(mine.get("separation_of_duties") or ()):
        path: Path = ("approvals", "separation_of_duties", i)
        before = held.get(rule["rule"], {})
        held[rule["rule"]] = dict(rule)
        if rule.get("of") or before.get("of"):
            held[rule["rule"]]["of"] = _superset((path, "of"), rule, before, say=say)
    return list(held.values())


def _validity(mine: Doc, theirs: Doc, say: Say) -> dict[str, Any]:
    answer = {**theirs, **mine}
    for key in ("approval", "conditional"):
        answer[key] = _shorter((("validity",), key), mine, theirs, say=say)
    answer["on_expiry"] = _ranked(
        (("validity", "on_expiry"), "on_expiry"), mine, theirs, words.ON_EXPIRY, say=say
    )
    return {key: value for key, value in answer.items() if value is not None}


def _waivers(mine: Doc, theirs: Doc, say: Say) -> dict[str, Any]:
    answer = {**theirs, **mine}
    path: Path = ("waivers",)
    answer["max_duration"] = _shorter((path, "max_duration"), mine, theirs, say=say)
    renewals, before = mine.get("max_renewals"), theirs.get("max_renewals")
    if renewals is not None and before is not None and renewals > before:
        say((*path, "max_renewals"), f"waivers.max_renewals {renewals} is more than {before}")
    answer["requires"] = _superset((path, "requires"), mine, theirs, say=say) or None
    if mine.get("approval") and theirs.get("approval"):
        answer["approval"] = _step(
            {"id": "waivers.approval", **mine["approval"]}, theirs["approval"], (*path, "approval"), say
        )
    return {key: value for key, value in answer.items() if value is not None}
