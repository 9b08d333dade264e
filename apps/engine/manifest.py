"""`model.yaml` → Manifest: strict, every refusal with line and column.

Unknown fields are refused with the nearest right name. Besides what measuring needs, the optional
fields of the inventory may stand under `metadata` and `spec` (see `INVENTORY`), and anything under
`spec.annotations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.engine import strict_yaml
from apps.engine.errors import NotDeclared
from apps.engine.fields import NAME, Fields, Scalar, dotted
from apps.engine.inputs import FORMATS, PATHLESS
from apps.engine.manifest_endpoint import Endpoint, endpoint_of
from apps.engine.strict_yaml import Document, Path

API_VERSION = "governance/v1"
KINDS = ("classifier", "scorecard", "regressor", "ranker", "generative", "rule-set")
INVENTORY = (
    "title", "purpose", "domain", "jurisdictions", "vendor", "owner", "developers", "description",
    "limitations", "intended_use", "prohibited_use", "population", "tier", "exposure_eur", "exposure",
    "unit", "regimes", "autonomy", "documents", "source", "licence", "training", "monitoring",
    "contacts", "tags", "contract", "sbom",
    "monotone", "output", "baseline", "materiality", "implementation", "annotations",
)  # fmt: skip
_METADATA = ("model", "version", "title", "description", "owner", "tags", "annotations", "labels")
_SPEC = ("use", "kind", "artifact", "endpoint", "features", "datasets", *INVENTORY)
_DATASET = (
    "path", "sha256", "label", "favourable", "score", "decision", "protected", "weight", "period",
    "missing", "title", "description", "source", "contract", "annotations",
)  # fmt: skip
_REQUIRED = {"metadata": ("model", "version"), "spec": ("kind", "datasets")}


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
        None where there is no file: the scores come in a column, or from a service.
    endpoint : Endpoint or None
        The service that gives the scores where the format is ``"endpoint"``; beside another format a
        second implementation to compare with.
    """

    model: str
    version: str
    kind: str
    use: str | None
    format: str
    artifact_path: str | None
    artifact_sha256: str | None
    endpoint: Endpoint | None
    features: tuple[str, ...] | None
    datasets: Mapping[str, DatasetSpec]
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    document: Document = field(repr=False)

    def dataset(self, name: str) -> DatasetSpec:
        """The data set of that name; NotDeclared names those that the manifest has."""
        if name in self.datasets:
            return self.datasets[name]
        known = ", ".join(self.datasets)
        raise NotDeclared(f'The manifest has no data set "{name}"; it has {known}.')


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


class _Reader(Fields):
    """Reads a manifest."""

    def manifest(self) -> Manifest:
        top = self.mapping((), ("apiVersion", "kind", "metadata", "spec"), required=("apiVersion", "kind"))
        self.constant(top, "apiVersion", API_VERSION)
        self.constant(top, "kind", "ModelVersion")
        metadata = self.mapping(("metadata",), _METADATA, required=_REQUIRED["metadata"])
        spec = self.mapping(("spec",), _SPEC, required=_REQUIRED["spec"])
        endpoint = endpoint_of(self, ("spec", "endpoint"))
        artifact = self.artifact(spec.get("artifact"), endpoint)
        features = self.texts(("spec", "features"), distinct=True) or None
        if endpoint is not None and features is None:
            raise self.refuse(("spec", "endpoint"), "spec.endpoint needs spec.features: what it is sent.")
        datasets = self.datasets(spec["datasets"])
        if artifact["format"] == "batch":
            self.scored(datasets)
        return Manifest(
            model=self.label(("metadata", "model")),
            version=self.label(("metadata", "version")),
            kind=self.choice(("spec", "kind"), KINDS),
            use=self.text(("spec", "use")),
            format=artifact["format"],
            artifact_path=artifact["path"],
            artifact_sha256=artifact["sha256"],
            endpoint=endpoint,
            features=features,
            datasets=datasets,
            metadata=plain(metadata),
            spec=plain(spec),
            document=self.document,
        )

    def artifact(self, value: Any, endpoint: Endpoint | None) -> dict[str, Any]:
        if value is None:
            return {"format": "endpoint" if endpoint else "none", "path": None, "sha256": None}
        here: Path = ("spec", "artifact")
        self.mapping(here, ("path", "format", "sha256"), required=("format",))
        kind, path = self.choice((*here, "format"), FORMATS), self.text((*here, "path"))
        if (path is None) != (kind in PATHLESS):
            wanted = "needs no path" if path else "needs the field path"
            raise self.refuse(here, f'An artifact of the format "{kind}" {wanted}.')
        if kind == "endpoint" and endpoint is None:
            raise self.refuse(here, 'An artifact of the format "endpoint" needs spec.endpoint.')
        return {"format": kind, "path": path, "sha256": self.digest((*here, "sha256"))}

    def scored(self, datasets: Mapping[str, DatasetSpec]) -> None:
        """Refuse a data set without the scores of a model that hands them in as a file."""
        for name, spec in datasets.items():
            if spec.score is None:
                raise self.refuse(
                    ("spec", "datasets", name),
                    f'spec.datasets.{name} needs the field "score" (score: {{column: …}}): the scores of a '
                    'model of the format "batch" come with its rows.',
                )

    def datasets(self, value: Any) -> dict[str, DatasetSpec]:
        here: Path = ("spec", "datasets")
        if not isinstance(value, dict) or not value:
            raise self.refuse(here, "spec.datasets must name at least one data set.")
        for name in value:
            if not NAME.match(name):
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
                f"{dotted(path)} must be a column with its favourable or its positive value, "
                "or a threshold alone.",
            )
        return Decision(column=self.text((*path, "column")), **_kept(self.scalars(path, given[1:])))


def _kept(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
