"""`model.yaml` → Manifest: strict, every refusal with line and column.

Unknown fields are refused with the nearest right name. Besides what measuring needs, the optional
fields of the inventory may stand under `metadata` and `spec` (see `INVENTORY`), and anything under
`spec.annotations`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import BadInput
from apps.engine.inputs import FORMATS
from apps.engine.strict_yaml import Document, Path

API_VERSION = "governance/v1"
KINDS = ("classifier", "scorecard", "regressor", "ranker", "generative", "rule-set")
INVENTORY = (
    "title", "purpose", "domain", "jurisdictions", "vendor", "owner", "developers", "description",
    "limitations", "intended_use", "prohibited_use", "population", "tier", "exposure_eur", "exposure",
    "unit", "documents", "source", "licence", "training", "monitoring", "contacts", "tags", "contract",
    "monotone", "output", "baseline", "materiality", "annotations",
)  # fmt: skip
_METADATA = ("model", "version", "title", "description", "owner", "tags", "annotations", "labels")
_SPEC = ("use", "kind", "artifact", "features", "datasets", *INVENTORY)
_DATASET = (
    "path", "sha256", "label", "favourable", "score", "decision", "protected", "weight", "period",
    "missing", "title", "description", "source", "contract", "annotations",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?\Z")
_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})\Z")
_REQUIRED = {"metadata": ("model", "version"), "spec": ("kind", "datasets")}
Scalar = str | int | Decimal | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How the decision is read: a column with its favourable or positive value, or a threshold."""

    column: str | None = None
    favourable: Scalar | None = None
    positive: Scalar | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """One entry of `spec.datasets`."""

    name: str
    path: str
    sha256: str | None = None
    label: str | None = None
    positive: Scalar | None = None
    favourable: Scalar | None = None
    score: str | None = None
    decision: Decision | None = None
    protected: tuple[str, ...] = ()
    weight: str | None = None
    period: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A model version as its repository declares it.

    Parameters
    ----------
    spec : dict
        The `spec` as read, in plain JSON values.
    artifact_path, artifact_sha256 : str or None
        None where the format is ``"none"``: the scores come in a column.
    """

    model: str
    version: str
    kind: str
    use: str | None
    format: str
    artifact_path: str | None
    artifact_sha256: str | None
    features: tuple[str, ...] | None
    datasets: Mapping[str, DatasetSpec]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    document: Document = field(repr=False)

    def dataset(self, name: str) -> DatasetSpec:
        """The data set of that name; BadInput names those that the manifest has."""
        if name in self.datasets:
            return self.datasets[name]
        known = ", ".join(self.datasets)
        raise BadInput(f'The manifest has no data set "{name}"; it has {known}.')


def read_manifest(data: bytes, *, name: str = "model.yaml") -> Manifest:
    """Read a manifest.

    Raises
    ------
    BadInput
        With line and column: an unknown field, a wrong type, a missing required field.

    Examples
    --------
    >>> text = '''apiVersion: governance/v1
    ... kind: ModelVersion
    ... metadata: {model: credit-pd, version: "3"}
    ... spec: {kind: classifier, datasets: {holdout: {path: h.csv, score: {column: pd}}}}
    ... '''
    >>> manifest = read_manifest(text.encode())
    >>> manifest.model, manifest.format, manifest.datasets["holdout"].score
    ('credit-pd', 'none', 'pd')
    """
    return _Reader(strict_yaml.read(data, name=name)).manifest()


def plain(value: Any) -> Any:
    """The same value with every decimal as a float: what JSON can hold."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class _Reader:
    """Reads typed fields of a document; every refusal names the place."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def manifest(self) -> Manifest:
        top = self.mapping((), ("apiVersion", "kind", "metadata", "spec"), required=("apiVersion", "kind"))
        self.constant(top, "apiVersion", API_VERSION)
        self.constant(top, "kind", "ModelVersion")
        metadata = self.mapping(("metadata",), _METADATA, required=_REQUIRED["metadata"])
        spec = self.mapping(("spec",), _SPEC, required=_REQUIRED["spec"])
        artifact = self.artifact(spec.get("artifact"))
        return Manifest(
            model=self.label(("metadata", "model")),
            version=self.label(("metadata", "version")),
            kind=self.choice(("spec", "kind"), KINDS),
            use=self.text(("spec", "use")),
            format=artifact["format"],
            artifact_path=artifact["path"],
            artifact_sha256=artifact["sha256"],
            features=self.texts(("spec", "features"), distinct=True) or None,
            datasets=self.datasets(spec["datasets"]),
            metadata=plain(metadata),
            spec=plain(spec),
            document=self.document,
        )

    # Values at a path ------------------------------------------------------------------------------

    def at(self, path: Path) -> Any:
        value = self.document.value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else value[key]  # type: ignore[index]
        return value

    def refuse(self, path: Path, sentence: str, *, key: bool = False) -> BadInput:
        return self.document.refuse(path, sentence, key=key)

    def mapping(self, path: Path, known: Sequence[str], *, required: Iterable[str] = ()) -> dict[str, Any]:
        where, value = _dotted(path), self.at(path) if self.present(path) else None
        if not isinstance(value, dict):
            raise self.refuse(path, f"{where} must be a mapping, not {_shown(value)}.")
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f' Did you mean "{near[0]}"?' if near else f" It knows {', '.join(known)}."
                raise self.refuse((*path, key), f'{where} has no field "{key}".{hint}', key=True)
        for key in required:
            if value.get(key) is None:
                raise self.refuse(path, f'{where} needs the field "{key}".')
        return value

    def present(self, path: Path) -> bool:
        value = self.document.value
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return False
            value = value[key]
        return True

    def constant(self, mapping: Mapping[str, Any], key: str, expected: str) -> None:
        if mapping[key] != expected:
            raise self.refuse((key,), f'{key} must be "{expected}", not {_shown(mapping[key])}.')

    def text(self, path: Path) -> str | None:
        value = self.at(path)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(path, f"{_dotted(path)} must be text, not {_shown(value)}.")
        return value

    def label(self, path: Path) -> str:
        value = self.at(path)
        text = str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not _NAME.match(text):
            raise self.refuse(
                path,
                f"{_dotted(path)} must be 1 to 100 letters, digits, dots, dashes and underscores, "
                f"not {_shown(value)}.",
            )
        return text

    def choice(self, path: Path, choices: Sequence[str]) -> str:
        value = self.at(path)
        if value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise self.refuse(
                path, f"{_dotted(path)} must be one of {', '.join(choices)}, not {_shown(value)}.{hint}"
            )
        return str(value)

    def texts(self, path: Path, *, distinct: bool = False) -> tuple[str, ...]:
        value = self.at(path)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.refuse(path, f"{_dotted(path)} must be a list of texts, not {_shown(value)}.")
        for i, item in enumerate(value):
            if not isinstance(item, str):
                raise self.refuse((*path, i), f"{_dotted(path)} must hold texts, not {_shown(item)}.")
            if distinct and item in value[:i]:
                raise self.refuse((*path, i), f'{_dotted(path)} names "{item}" twice.')
        return tuple(value)

    def scalar(self, path: Path) -> Scalar | None:
        value = self.at(path)
        if isinstance(value, (dict, list)):
            raise self.refuse(path, f"{_dotted(path)} must be one value, not {_shown(value)}.")
        return value  # type: ignore[no-any-return]

    def number(self, path: Path) -> float | None:
        value = self.at(path)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.refuse(path, f"{_dotted(path)} must be a number, not {_shown(value)}.")
        return float(value)

    def digest(self, path: Path) -> str | None:
        value = self.at(path)
        found = _SHA256.match(value) if isinstance(value, str) else None
        if value is not None and found is None:
            raise self.refuse(path, f"{_dotted(path)} must be 64 hexadecimal digits, not {_shown(value)}.")
        return found[1] if found else None

    # Parts of the manifest --------------------------------------------------------------------------

    def artifact(self, value: Any) -> dict[str, Any]:
        if value is None:
            return {"format": "none", "path": None, "sha256": None}
        here: Path = ("spec", "artifact")
        self.mapping(here, ("path", "format", "sha256"), required=("format",))
        kind, path = self.choice((*here, "format"), FORMATS), self.text((*here, "path"))
        if (path is None) != (kind == "none"):
            wanted = "needs no path" if path else "needs the field path"
            raise self.refuse(here, f'An artifact of the format "{kind}" {wanted}.')
        return {"format": kind, "path": path, "sha256": self.digest((*here, "sha256"))}

    def datasets(self, value: Any) -> dict[str, DatasetSpec]:
        here: Path = ("spec", "datasets")
        if not isinstance(value, dict) or not value:
            raise self.refuse(here, "spec.datasets must name at least one data set.")
        for name in value:
            if not _NAME.match(name):
                raise self.refuse((*here, name), f'"{name}" is not a name for a data set.', key=True)
        return {name: self.dataset((*here, name), name) for name in value}

    def dataset(self, here: Path, name: str) -> DatasetSpec:
        self.mapping(here, _DATASET, required=("path",))
        label = self.columned((*here, "label"), ("column", "positive"))
        score = self.columned((*here, "score"), ("column",))
        return DatasetSpec(
            name=name,
            path=self.text((*here, "path")) or "",
            sha256=self.digest((*here, "sha256")),
            label=label.get("column"),
            positive=label.get("positive"),
            favourable=self.scalar((*here, "favourable")),
            score=score.get("column"),
            decision=self.decision((*here, "decision")),
            protected=self.texts((*here, "protected"), distinct=True),
            weight=self.text((*here, "weight")),
            period=self.text((*here, "period")),
            missing=self.texts((*here, "missing")),
        )

    def columned(self, path: Path, known: Sequence[str]) -> dict[str, Any]:
        """A field that is a mapping with a column; a bare text is short for the column alone."""
        value = self.at(path)
        if value is None:
            return {}
        if isinstance(value, str):
            return {"column": self.text(path)}
        self.mapping(path, known, required=("column",))
        return {"column": self.text((*path, "column")), **self.scalars(path, known[1:])}

    def scalars(self, path: Path, names: Sequence[str]) -> dict[str, Scalar | None]:
        return {name: self.scalar((*path, name)) for name in names}

    def decision(self, path: Path) -> Decision | None:
        if self.at(path) is None:
            return None
        value = self.mapping(path, ("column", "favourable", "positive", "threshold"))
        given = sorted(key for key, item in value.items() if item is not None)
        if given == ["threshold"]:
            return Decision(threshold=self.number((*path, "threshold")))
        if given not in (["column", "favourable"], ["column", "positive"]):
            raise self.refuse(
                path,
                f"{_dotted(path)} must be a column with its favourable or its positive value, "
                "or a threshold alone.",
            )
        return Decision(column=self.text((*path, "column")), **_kept(self.scalars(path, given[1:])))


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path) or "The manifest"


def _shown(value: Any) -> str:
    """A value as a person wrote it, short."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{text}"' if isinstance(value, str) else text
