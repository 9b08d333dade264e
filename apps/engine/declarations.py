"""Declarations: units, environments, roles, schedules and rates in a file, read strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy.document import NAME
from apps.engine.policy.form import Day, Fault, Faults, Fields, Form, Items, Number, Path, Text, shown
from apps.engine.policy.vocabulary import API_VERSION, ROLES, nearest
from apps.engine.strict_yaml import Document

KIND = "Declarations"
KINDS = (KIND, "Policy", "Scorecard")
SCOPES = ("organisation", "unit", "model")

_key = Text(pattern=NAME, like="a name of small letters, digits, points and hyphens")
_text = Text()


def _scoped(value: Mapping[str, Any], path: Path) -> Faults:
    """A scope names what it reaches, and the whole organisation names nothing."""
    scope, key = value.get("scope", "organisation"), value.get("key")
    if scope == "organisation" and key is not None:
        yield Fault((*path, "key"), "A role for the whole organisation names no unit and no model.")
    if scope in ("unit", "model") and key is None:
        yield Fault(path, f'A role for one {scope} needs the field "key".')


def _versioned(value: Mapping[str, Any], path: Path) -> Faults:
    model, at, label = str(value.get("version")).partition("@")
    if not (model and at and label):
        words = (
            f"version names a model and its version such as credit-pd@3, not {shown(value.get('version'))}."
        )
        yield Fault((*path, "version"), words)


_titled = Fields({"key": _key, "title": _text}, required=("key", "title"))
SECTIONS: Mapping[str, Form] = {
    "units": Items(_titled),
    "environments": Items(_titled),
    "roles": Items(
        Fields(
            {
                "person": _text,
                "role": Text(words=ROLES),
                "scope": Text(words=SCOPES),
                "key": _text,
                "until": Day(),
                "state": Text(words=("held", "ended")),
                "reason": _text,
            },
            required=("person", "role", "reason"),
            also=_scoped,
        )
    ),
    "schedules": Items(
        Fields(
            {
                "version": _text,
                "use": _text,
                "dataset": _text,
                "every_days": Number(whole=True, low=1, high=366),
                "state": Text(words=("set", "ended")),
                "reason": _text,
            },
            required=("version", "use", "dataset", "every_days"),
            also=_versioned,
        )
    ),
    "rates": Items(Fields({"hardware": _text, "per_second": Number()}, required=("hardware", "per_second"))),
}
_IDENTITY: Mapping[str, tuple[str, ...]] = {
    "units": ("key",),
    "environments": ("key",),
    "roles": ("person", "role", "scope", "key"),
    "schedules": ("version", "use", "dataset"),
    "rates": ("hardware",),
}
DECLARATIONS = Fields(
    {"apiVersion": Text(words=(API_VERSION,)), "kind": Text(words=(KIND,)), **SECTIONS},
    required=("apiVersion", "kind"),
)


@dataclass(frozen=True, slots=True)
class Declared:
    """One thing that a file declares, and where it stands."""

    section: str
    path: Path
    value: Mapping[str, Any]


def kind_of(document: Document) -> str:
    """What a file declares; BadInput names what may be.

    Examples
    --------
    >>> kind_of(strict_yaml.read(b"kind: Policy", name="p.yaml"))
    'Policy'
    """
    kind = document.value.get("kind") if isinstance(document.value, dict) else None
    if kind not in KINDS:
        words = f"The file must be a mapping with a kind: {', '.join(KINDS)}; this is {shown(kind)}."
        raise document.refuse(("kind",), words + (nearest(kind, KINDS) if isinstance(kind, str) else ""))
    return str(kind)


def declared(document: Document) -> list[Declared]:
    """Everything that a file of declarations names, in the order in which it can be made.

    Examples
    --------
    >>> text = b'''apiVersion: governance/v1
    ... kind: Declarations
    ... roles: [{person: rob, role: risk-officer, reason: Second line}]
    ... units: [{key: retail, title: Retail}]
    ... '''
    >>> [one.section for one in declared(strict_yaml.read(text, name="bank.yaml"))]
    ['units', 'roles']
    >>> lint(text.replace(b"role:", b"rolle:"), name="b.yaml")
    'b.yaml, line 3, column 23: roles[0] has no field "rolle". Did you mean "role"?'
    """
    faults = [*DECLARATIONS.faults(document.value, ()), *_twins(document.value)]
    if faults:
        first = min(faults, key=lambda f: (not f.on_key, document.position(f.path, key=f.on_key)))
        raise document.refuse(first.path, first.sentence, key=first.on_key)
    value = document.value
    return [
        Declared(section, (section, i), item)
        for section in SECTIONS
        for i, item in enumerate(value.get(section) or ())
    ]


def _twins(value: Any) -> Iterator[Fault]:
    """The same thing declared twice in one file: which of them holds would be anybody's guess."""
    for section, names in _IDENTITY.items():
        items = value.get(section) if isinstance(value, dict) else None
        seen: set[tuple[str, ...]] = set()
        for i, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict):
                mine = tuple(str(item.get(name)) for name in names)
                if mine in seen:
                    yield Fault((section, i), f"{section}[{i}] declares the same as one before it.")
                seen.add(mine)


def lint(data: bytes, *, name: str) -> str:
    """The first fault of a file of declarations, or nothing; no service is asked."""
    try:
        document = strict_yaml.read(data, name=name)
        if kind_of(document) == KIND:
            declared(document)
    except BadInput as problem:
        return str(problem)
    return ""
