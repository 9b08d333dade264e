"""Controls: what a framework expects, with its citation and how sure that citation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.policy.document import NAME
from apps.engine.policy.form import Day, Fields, Flag, Items, Text
from apps.engine.policy.library import shipped_folder
from apps.engine.policy.vocabulary import API_VERSION

SEEN = ("official", "secondary", "partly", "memory")
THRESHOLDS = ("law", "guidance", "firm", "none")
_text = Text()
_id = Text(pattern=NAME, like="an id")

FORM = Fields(
    {
        "apiVersion": Text(words=(API_VERSION,)),
        "kind": Text(words=("Controls",)),
        "framework": Fields(
            {
                "id": _id,
                "title": _text,
                "authority": _text,
                "jurisdictions": Items(_text),
                "status": Text(words=("live", "announced", "rescinded", "voluntary")),
                "from": Day(nullable=True),
                "until": Day(nullable=True),
                "superseded_by": _id,
                "note": _text,
                "as_of": Day(),
            },
            required=("id", "title", "status"),
        ),
        "controls": Items(
            Fields(
                {
                    "id": Text(pattern=r"[A-Za-z0-9.-]{1,40}", like="an id"),
                    "title": _text,
                    "evidence": _text,
                    "citation": _text,
                    "threshold": Text(words=THRESHOLDS),
                    "signed_by": _text,
                    "cadence": _text,
                    "seen": Text(words=SEEN),
                    "verify": Flag(),
                },
                required=("id", "title", "citation", "verify"),
            )
        ),
    },
    required=("apiVersion", "kind", "framework", "controls"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One expectation of a framework.

    Parameters
    ----------
    verify : bool
        True: the citation, or part of it, is from memory and must be looked up; it is shown so.
    seen : {"official", "secondary", "partly", "memory"}
        What was read: the official text, a source that quotes it, parts of it, or nothing.
    threshold : {"law", "guidance", "firm", "none"}
        Who sets the number, if any; a number of the firm is never shown as the law's.
    """

    id: str
    framework: str
    title: str
    citation: str
    verify: bool
    evidence: str = ""
    threshold: str = "none"
    signed_by: str = ""
    cadence: str = ""
    seen: str = "memory"


Controls = Mapping[str, Control]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A law, guidance or standard, on the day that its controls were written down."""

    id: str
    title: str
    status: str
    authority: str = ""
    jurisdictions: tuple[str, ...] = ()
    start: date | None = None
    until: date | None = None
    superseded_by: str = ""
    note: str = ""
    as_of: date | None = None


def frameworks(folder: Path | None = None) -> dict[str, tuple[Framework, tuple[Control, ...]]]:
    """Every framework that comes with the program, by id, with its controls in order."""
    found = {}
    for file in sorted((folder or shipped_folder()).glob("*/controls.yaml")):
        data = file.read_bytes()
        controls = tuple(read_controls(data, name=file.name).values())
        given = dict(strict_yaml.read(data, name=file.name).value["framework"])
        given["jurisdictions"] = tuple(given.get("jurisdictions") or ())
        given["start"] = given.pop("from", None)
        given |= {name: _day(given.get(name)) for name in ("start", "until", "as_of")}
        found[given["id"]] = (Framework(**given), controls)
    return found


def _day(value: Any) -> date | None:
    return None if value is None else date.fromisoformat(str(value))


def read_controls(data: bytes, *, name: str) -> dict[str, Control]:
    """The controls of a file, by ``framework/id``.

    Raises
    ------
    BadInput
        With file, line and column.
    """
    document = strict_yaml.read(data, name=name)
    for fault in FORM.faults(document.value, ()):
        raise document.refuse(fault.path, fault.sentence, key=fault.on_key)
    framework = document.value["framework"]["id"]
    found: dict[str, Control] = {}
    for i, given in enumerate(document.value["controls"]):
        key = f"{framework}/{given['id']}"
        if key in found:
            raise document.refuse(
                ("controls", i, "id"), f'The control "{given["id"]}" stands here a second time.'
            )
        found[key] = Control(framework=framework, **given)
    return found


def shipped_controls(folder: Path | None = None) -> dict[str, Control]:
    """Every control of the packs that come with the program."""
    found: dict[str, Control] = {}
    for file in sorted((folder or shipped_folder()).glob("*/controls.yaml")):
        mine: dict[str, Any] = read_controls(file.read_bytes(), name=file.name)
        for key in mine.keys() & found.keys():
            raise BadInput(f"{file}: the control {key} is already in another pack.")
        found |= mine
    return found
