"""The fields of the form: what each shows of the document, and what a typed text means in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apps.engine import strict_yaml
from apps.engine.catalogue import Arg, Check, all_checks
from apps.engine.catalogue.spec import REQUIRED
from apps.engine.errors import BadInput
from apps.engine.policy import vocabulary as words
from apps.engine.policy.document import GATE, METADATA, POLICY
from apps.engine.policy_text import written
from apps.engine.strict_yaml import Path

# A form may not have more fields than a request may: further gates are edited in the text.
MOST_FIELDS = 800
MOST_PARAMETERS = 20
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?\Z")
_DAYS = re.compile(r"P(\d{1,6})D\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")
# The usual order of fields, so that a new one comes where a reader looks for it.
_ORDERS: tuple[tuple[str, Sequence[str]], ...] = (
    ("gates", tuple(GATE.known)),
    ("metadata", tuple(METADATA.known)),
    ("effective", ("from", "until", "grace")),
    ("submission", ("completeness", "parts")),
)
_ENDS = {"higher": ("min",), "lower": ("max",)}
_LEVELS = {"min": "At least", "max": "At most"}
_BETTER = {"higher": "higher is better", "lower": "lower is better", "nearest": "nearest is best", "none": ""}
Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: where its value stands in the document, and how a form shows it."""

    path: Path
    kind: str
    label: str
    value: str
    hint: str = ""
    choices: Choices = ()
    wide: bool = False

    @property
    def name(self) -> str:
        """Its name in the form."""
        return "f." + ".".join(map(str, self.path))

    @property
    def key(self) -> str:
        """Its id on the page."""
        return re.sub(r"[^A-Za-z0-9_-]", "-", self.name)

    def typed(self, text: str) -> Any:
        """What a typed text means; None: the field is taken away."""
        text = text.strip()
        return _READ.get(self.kind, _text)(text) if text else None


def order_of(path: Path) -> Sequence[str]:
    """The usual order of the fields beside the one at `path`."""
    if len(path) == 1:
        return tuple(POLICY.known)
    deep = 3 if path[0] == "gates" else 2
    return next((order for first, order in _ORDERS if path[0] == first and len(path) == deep), ())


# Fields of the policy as a whole --------------------------------------------------------------------


def head_fields(document: Any) -> list[Field]:
    """Title, version, dates and parameters."""
    whole = document if isinstance(document, Mapping) else {}
    fixed = [
        Field(path=path, kind=kind, label=label, value=shown(kind, _at(whole, path)), hint=hint, wide=wide)
        for path, kind, label, hint, wide in _HEAD
    ]
    return [*fixed, *_parameters(whole)]


_HEAD: tuple[tuple[Path, str, str, str, bool], ...] = (
    (("metadata", "title"), "text", "Title", "", True),
    (("metadata", "change_note"), "text", "Why this version", "It is kept with the version.", True),
    (("metadata", "version"), "text", "Version", "MAJOR.MINOR.PATCH", False),
    (("effective", "from"), "text", "In force from", "a day such as 2027-01-31", False),
    (("effective", "until"), "text", "Until, that day not included", "empty: no end", False),
    (
        ("effective", "grace"),
        "days",
        "Days of grace",
        "for approvals under the former major version",
        False,
    ),
    (
        ("submission", "completeness"),
        "number",
        "Least completeness of the entry, in per cent",
        "empty: an entry of any completeness may be submitted",
        False,
    ),
    (
        ("submission", "parts"),
        "words",
        "Parts that the entry must have",
        "owner, limitations, document.user-guide, …",
        True,
    ),
)


def _parameters(whole: Mapping[str, Any]) -> Iterator[Field]:
    held = whole.get("parameters")
    known = held if isinstance(held, Mapping) else {}
    for name in list(known)[:MOST_PARAMETERS]:
        if _NAME.match(name):
            value = shown("value", known[name])
            hint = "Gates use it by this name."
            yield Field(path=("parameters", name), kind="value", label=f"${name}", value=value, hint=hint)


# Fields of a gate -----------------------------------------------------------------------------------


def gate_groups(index: int, gate: Mapping[str, Any]) -> list[tuple[str, list[Field]]]:
    """The fields of one gate under their headings: what is asked, its arguments, its bounds, its rules."""
    check = all_checks().get(str(gate.get("check")))
    maker = _Gate(index, gate)
    return [
        ("What is asked", list(maker.asked(check))),
        ("What must hold", list(maker.bounds(check))),
        ("What follows", list(maker.rules(check))),
        ("How it is measured", list(maker.arguments(check))),
        ("Of which models", list(maker.reach())),
    ]


def drawn_gates(document: Any) -> dict[int, list[tuple[str, list[Field]]]]:
    """The gates that have a form, by their place in the text."""
    gates = document.get("gates") if isinstance(document, Mapping) else None
    drawn, number = {}, 0
    for i, gate in enumerate(gates if isinstance(gates, list) else ()):
        if isinstance(gate, Mapping) and number < MOST_FIELDS:
            drawn[i] = gate_groups(i, gate)
            number += sum(len(fields) for _, fields in drawn[i])
    return drawn


def fields_of(document: Any) -> list[Field]:
    """Every field that the form of a document has."""
    inner = [f for groups in drawn_gates(document).values() for _, fields in groups for f in fields]
    return [*head_fields(document), *inner]


class _Gate:
    def __init__(self, index: int, gate: Mapping[str, Any]) -> None:
        self._path: Path = ("gates", index)
        self._gate = gate

    def _field(self, path: Path, kind: str, label: str, hint: str = "", **more: Any) -> Field:
        value = shown(kind, _at(self._gate, path))
        choices = more.pop("choices", ())
        if value and choices and value not in dict(choices):
            choices = ((value, f"{value} (unknown)"), *choices)
        return Field(
            path=(*self._path, *path), kind=kind, label=label, value=value, hint=hint, choices=choices, **more
        )

    def asked(self, check: Check | None) -> Iterator[Field]:
        yield self._field(("title",), "text", "What must hold, in words", wide=True)
        yield self._field(("check",), "check", "Check", check.title if check else "", wide=True)

    def arguments(self, check: Check | None) -> Iterator[Field]:
        for arg in check.args if check is not None else ():
            yield self._argument(arg)
        own = {arg.name for arg in check.args} if check is not None else set()
        yield self._field(("with", "dataset"), "text", "Data set", "Without it: holdout.")
        compares = check is not None and any(need.startswith("reference") for need in check.needs)
        if "reference" not in own and (compares or _at(self._gate, ("with", "reference")) is not None):
            yield self._field(("with", "reference"), "text", "Compared with", "Without it: development.")

    def _argument(self, arg: Arg) -> Field:
        label = arg.name.replace("_", " ").capitalize()
        kind, choices = _KINDS.get(arg.type, "value"), _choices(arg)
        return self._field(
            ("with", arg.name), "choice" if choices else kind, label, _help(arg), choices=choices
        )

    def bounds(self, check: Check | None) -> Iterator[Field]:
        unit = _measure(check)
        ends = _ENDS.get(check.direction, ("min", "max")) if check is not None else ("min", "max")
        for part, word in (("pass", ""), ("warn", "Warns unless ")):
            held = self._gate.get(part)
            there = tuple(held) if isinstance(held, Mapping) else ()
            for end in ("min", "max"):
                if end in ends or end in there:
                    label = _LEVELS[end]
                    said = word + label.lower() if word else label
                    yield self._field((part, end), "number", said, "" if word else unit)
        yield self._field(("basis",), "choice", "Held against it", choices=_BASES)

    def rules(self, check: Check | None) -> Iterator[Field]:
        yield self._field(("enforcement",), "choice", "If it does not hold", choices=_ENFORCEMENTS)
        yield self._field(("severity",), "choice", "Severity", choices=_plain(words.SEVERITIES))
        yield self._field(("source",), "choice", "Whose number it is", choices=_SOURCES)
        yield self._field(("max_age",), "days", "Days a result counts", "Empty: for ever.")
        yield self._field(("accept",), "choice", "Measured by", choices=_ACCEPTS)
        if "on_review" in self._gate or (check is not None and check.range == "{0, 1, 2}"):
            yield self._field(("on_review",), "choice", "“Review” counts as", choices=_plain(words.ON_REVIEW))
        yield self._field(("controls",), "words", "Serves the controls", "nist-ai-rmf/NI-11, …", wide=True)

    def reach(self) -> Iterator[Field]:
        hint = "{model.tier: [1, 2]}; empty: of all that the policy speaks of."
        yield self._field(("match",), "value", "Only of models where", hint, wide=True)
        yield self._field(("unless",), "value", "Not of models where", wide=True)


def _plain(names: Sequence[str]) -> Choices:
    return [(name, name) for name in names]


_BASES = (("estimate", "the estimate"), ("interval", "the whole 95 % interval"))
_ENFORCEMENTS = (
    ("mandatory", "it blocks, and nobody can waive it (mandatory)"),
    ("waivable", "it blocks until it is waived for a time (waivable)"),
    ("advisory", "it is shown and blocks nothing (advisory)"),
)
_SOURCES = (("firm", "the firm's own"), ("guidance", "guidance suggests it"), ("law", "a law sets it"))
_ACCEPTS = (
    ("governed", "our own workers"),
    ("asked", "our own workers, from scores that a service gave when asked"),
    ("supplied", "a number handed in is enough"),
)
_KINDS = {"number": "number", "integer": "number", "string": "text", "strings": "words"}


def _choices(arg: Arg) -> Choices:
    if arg.type == "boolean":
        return _plain(("true", "false"))
    return _plain([str(choice) for choice in arg.choices]) if arg.choices and arg.type == "string" else ()


def _help(arg: Arg) -> str:
    low, high = arg.minimum, arg.maximum
    span = f"{low:g} to {high:g}" if low is not None and high is not None else ""
    if not span and low is not None:
        span = f"at least {low:g}"
    default = "" if arg.default in (None, REQUIRED, ()) else f"Without it: {written_plain(arg.default)}."
    needed = "Needed." if arg.default is REQUIRED else default
    return " ".join(part for part in (arg.help, f"({span})" if span else "", needed) if part)


def written_plain(value: Any) -> str:
    """A default of the catalogue as a person would type it."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _measure(check: Check | None) -> str:
    if check is None:
        return ""
    return " · ".join(part for part in (check.unit, check.range, _BETTER[check.direction]) if part)


# Between the document and what is typed ------------------------------------------------------------


def shown(kind: str, value: Any) -> str:
    """A value of the document as the field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "words" and isinstance(value, list) and all(_bare(item) for item in value):
        return ", ".join(value)
    if isinstance(value, str) and kind != "value":
        found = _DAYS.match(value) if kind == "days" else None
        return found[1] if found else value
    return written(value)


def _bare(item: Any) -> bool:
    return isinstance(item, str) and "," not in item and bool(item.strip())


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(text: str) -> Any:
    return text


def _number(text: str) -> Any:
    """A number as it was typed; other words stay words, and lint says what is wrong with them."""
    return Decimal(text) if _NUMBER.match(text) else text


def _days(text: str) -> Any:
    return f"P{text}D" if text.isascii() and text.isdecimal() and len(text) <= 6 else text


def _words(text: str) -> Any:
    if text.startswith(("$", "[")):
        return _value(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _choice(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _value(text: str) -> Any:
    """As the text would read it; what it cannot read stays words."""
    try:
        return strict_yaml.read(f"v: {text}\n".encode(), name="field").value["v"]
    except (BadInput, KeyError, TypeError):
        return text


_READ = {"number": _number, "days": _days, "words": _words, "choice": _choice, "value": _value}
