"""The form of a catalogue entry. Pure data: importing it loads no numeric library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from apps.engine.catalogue.takes import Takes

Direction = Literal["higher", "lower", "nearest", "none"]
ArgType = Literal[
    "number", "integer", "boolean", "string", "strings", "attributes", "numbers", "object", "bins"
]

REQUIRED: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arg:
    """One argument of a check: its name, type, bounds and default.

    `type` ``"attributes"`` is a list of attribute names, or of lists of names (intersections); ``"bins"`` is
    one of `choices`, or a list of ascending numbers.
    """

    name: str
    type: ArgType
    help: str
    default: Any = None
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def schema(self) -> dict[str, Any]:
        """The argument as JSON Schema."""
        kinds: dict[str, dict[str, Any]] = {
            "strings": {"type": "array", "items": {"type": "string"}},
            "numbers": {"type": "array", "items": {"type": "number"}},
            "attributes": {
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            },
        }
        schema: dict[str, Any] = dict(kinds.get(self.type, {"type": self.type}))
        schema["description"] = self.help
        if self.type == "bins":
            rule = {"type": "string", "enum": list(self.choices)}
            schema = {"anyOf": [rule, kinds["numbers"]], "description": self.help}
        elif self.choices:
            schema["enum"] = list(self.choices)
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        if self.default is not REQUIRED:
            schema["default"] = self.default
        return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One entry of the catalogue.

    Parameters
    ----------
    id : str
        ``family.name``; stable for ever.
    function : str
        ``module:name`` under ``apps.engine.measures``; imported only when measured.
    unit, range : str
        For people: ``"ratio"``, ``"[0, 1]"``.
    direction : {"higher", "lower", "nearest", "none"}
        Whether a higher or a lower number is better; decides what *tighter* means in a policy.
    needs : tuple of str
        The keyword arguments that the runner fills from the subject; see `apps.engine.inputs`.
    takes : Takes
        Processors, memory and GPU.
    hardware : {"cpu", "memory", "gpu"}
        The least class that it can be computed on at all.
    """

    id: str
    function: str
    title: str
    unit: str
    range: str
    direction: Direction
    needs: tuple[str, ...]
    takes: Takes
    definition: str
    conventions: str
    edge_cases: str
    interval: str
    cost: str
    references: tuple[str, ...]
    purpose: str
    mechanism: str
    signs_of_high_risk: str
    strengths: str
    limitations: str
    args: tuple[Arg, ...] = ()
    version: str = "1"
    sentence: str = "{title} is {value}."
    hardware: Literal["cpu", "memory", "gpu"] = "cpu"

    @property
    def family(self) -> str:
        """The part of the id before the point."""
        return self.id.split(".", 1)[0]
