"""The subject of a run: a manifest, its artifact and its data sets, each read when asked.

This is the only place that opens data files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from apps.engine import files as disk
from apps.engine import strict_yaml
from apps.engine.columns import FloatArray
from apps.engine.dataset import DataSet
from apps.engine.errors import BadInput, NotDeclared, Problem
from apps.engine.inputs import Artifact, Model
from apps.engine.manifest import Manifest, read_manifest
from apps.engine.places import place_of
from apps.engine.process import models_apart

Files = Mapping[str, Path]


def load(path: Path | str, *, files: Files | None = None) -> Subject:
    """Read a manifest and find its files.

    Parameters
    ----------
    path : path
        The manifest, or a folder with a ``model.yaml``.
    files : mapping of str to Path, optional
        Where each path of the manifest really lies; no other file is opened then. Without it, paths
        are taken relative to the manifest's folder.

    Raises
    ------
    BadInput
        The manifest cannot be read as one.
    """
    place = Path(path)
    place = place / "model.yaml" if place.is_dir() else place
    data = disk.read_document(place, strict_yaml.MAX_BYTES)
    return Subject(read_manifest(data, name=place.name), place.parent, files=files)


class Subject:
    """A model version with its artifact and data.

    Attributes
    ----------
    manifest : Manifest
        As declared.
    datasets : Mapping of str to DataSet
        Each with `.digest`, `.rows` and `.columns`.
    """

    def __init__(self, manifest: Manifest, folder: Path, *, files: Files | None = None) -> None:
        self.manifest = manifest
        self.held: dict[Any, Any] = {}  # what was made of its large data sets
        self._folder = folder
        self._files = files
        self.datasets: Mapping[str, DataSet] = {
            name: DataSet(spec, self._resolve(spec.path), lambda: self.model, manifest.features)
            for name, spec in manifest.datasets.items()
        }

    @cached_property
    def artifact(self) -> Artifact | None:
        """The model file; None where the scores come in a column."""
        text = self.manifest.artifact_path
        if text is None:
            return None
        path = self._resolve(text)
        if not path.exists():
            raise BadInput(f"The artifact {text} does not exist.")
        if not path.is_file():
            raise BadInput(f"The artifact {text} is not a file.")
        found = disk.fingerprint(path, name=f"The artifact {text}").sha256
        named = self.manifest.artifact_sha256
        if named and named != found:
            raise BadInput(
                f"The artifact {text} is not the file that the manifest names: its SHA-256 is {found}, "
                f"the manifest says {named}."
            )
        return Artifact(path, self.manifest.format, found)

    @cached_property
    def model(self) -> Model | None:
        """The loaded model, or the service that is asked; None where the scores come in a column."""
        if self.manifest.format == "endpoint":
            return self.service
        if self.artifact is None:
            return None
        if models_apart():
            return self._opening()
        from apps.engine.artifacts import open_model

        return open_model(self.artifact, self.manifest.features, positive=self._positive)

    @cached_property
    def service(self) -> Model | None:
        """The service that the manifest names; None where it names none."""
        endpoint = self.manifest.endpoint
        if endpoint is None:
            return None
        from apps.engine.apart.client import begin_endpoint

        return begin_endpoint(endpoint, self.manifest.features or ())()

    @cached_property
    def _opening(self) -> Callable[[], Model]:
        from apps.engine.apart.client import begin_apart

        if self.artifact is None:
            raise BadInput("There is no artifact to open.")
        return begin_apart(self.artifact, self.manifest.features, positive=self._positive)

    def prepare(self) -> None:
        """Begin to open a model that is held apart, while the data are being read."""
        with contextlib.suppress(Problem):  # said where the model is asked for
            if models_apart() and self.artifact is not None:
                self._opening  # noqa: B018

    @property
    def _positive(self) -> Any:
        named = (spec.positive for spec in self.manifest.datasets.values() if spec.positive is not None)
        return next(named, None)

    @cached_property
    def digest(self) -> str:
        """``"sha256:…"`` over names, roles and the digests of every file; paths do not count."""
        return f"sha256:{hashlib.sha256(self.canonical()).hexdigest()}"

    def canonical(self) -> bytes:
        """The manifest in canonical JSON, with the digest of each file in place of its path."""
        spec = {**self.manifest.spec, "artifact": {"format": self.manifest.format, "digest": None}}
        if self.artifact is not None:
            spec["artifact"]["digest"] = f"sha256:{self.artifact.sha256}"
        spec["datasets"] = {
            name: {**_without_place(self.manifest.spec["datasets"][name]), "digest": data.digest}
            for name, data in self.datasets.items()
        }
        document = {"metadata": self.manifest.metadata, "spec": spec}
        return json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()

    def dataset(self, name: str) -> DataSet:
        """The data set of that name; BadInput names those that the manifest has."""
        self.manifest.dataset(name)
        return self.datasets[name]

    def stand_in(self, data: DataSet) -> None:
        """Put another data set in the place of the one of its name."""
        self.datasets = {**self.datasets, data.name: data}

    def fill(
        self,
        needs: Sequence[str],
        dataset: str = "holdout",
        reference: str = "development",
        seed: int = 0,
        *,
        attributes: Sequence[str] = (),
        standing: Mapping[str, DataSet] | None = None,
    ) -> dict[str, Any]:
        """The keyword arguments of a check that come from the subject (see `apps.engine.inputs`).

        Parameters
        ----------
        needs : sequence of str
            Names; with a trailing ``?`` None is passed where the manifest has none.
        dataset, reference : str
            The data set measured, and the one it is compared with.
        seed : int
            For checks that draw.
        attributes : sequence of str
            Columns to group by besides the manifest's protected ones.
        standing : mapping of str to DataSet, optional
            What stands in for a data set of that name: a summary or a sample of it.
        """
        sources = self._sources(dataset, reference, seed, attributes, standing or {})
        return {need.removesuffix("?"): _filled(need, sources) for need in needs}

    def _sources(
        self,
        dataset: str,
        reference: str,
        seed: int,
        attributes: Sequence[str],
        standing: Mapping[str, DataSet],
    ) -> dict[str, Callable[[], Any]]:
        def data() -> DataSet:
            return standing[dataset] if dataset in standing else self.dataset(dataset)

        def of(role: str) -> Callable[[], Any]:
            return lambda: getattr(data(), role)

        def referred(role: str) -> Callable[[], Any]:
            return lambda: getattr(
                standing[reference] if reference in standing else self.reference(reference), role
            )

        roles = ("score", "label", "target", "predicted", "selected", "deserving", "weight", "period")
        rowwise = (*roles, "features", "columns", "score_column")
        return {
            **{role: of(role) for role in rowwise},
            "roles": lambda: _Roles(
                {role: of(role) for role in rowwise}
                | {"protected": lambda: data().protected(attributes), "count": of("count")}
            ),
            **{f"reference_{role}": referred(role) for role in (*roles, "features", "columns")},
            "protected": lambda: data().protected(attributes),
            "count": of("count"),
            "reference_count": referred("count"),
            "twin": lambda: _declared(self._twin(data)),
            "model": lambda: _declared(self.model),
            "artifact": lambda: _declared(self.artifact),
            "declared": lambda: self.manifest.spec,
            "own": lambda: self.manifest.spec["datasets"][dataset],
            "seed": lambda: seed,
        }

    def _twin(self, data: Callable[[], DataSet]) -> Callable[[], FloatArray] | None:
        """Scores of the service beside an artifact, asked only when they are called for."""
        if self.manifest.endpoint is None or self.manifest.format == "endpoint":
            return None
        return lambda: _declared(self.service).score(data().pick(self.manifest.features or (), "feature"))

    def reference(self, name: str) -> DataSet:
        """The data set that a check compares with; NotDeclared names those that the manifest has."""
        if name not in self.datasets:
            known = ", ".join(self.datasets)
            raise NotDeclared(
                f'This check compares with the reference data set "{name}", which the manifest lacks; '
                f"it has {known}."
            )
        return self.datasets[name]

    def _resolve(self, text: str) -> Path:
        if self._files is not None:
            if text not in self._files:
                raise BadInput(f'The file "{text}" of the manifest was not handed in.')
            return Path(self._files[text])
        return place_of(text, self._folder)


class _Roles(Mapping[str, Any]):
    """The roles of a data set, each read when it is asked for; `get` gives None for an undeclared one."""

    def __init__(self, sources: Mapping[str, Callable[[], Any]]) -> None:
        self._sources = sources

    def __getitem__(self, role: str) -> Any:
        return self._sources[role]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def get(self, role: str, default: Any = None) -> Any:
        try:
            return self[role]
        except NotDeclared:
            return default


def _filled(need: str, sources: Mapping[str, Callable[[], Any]]) -> Any:
    name = need.removesuffix("?")
    if name not in sources:
        raise LookupError(f"{name} is no input that a check may ask for")
    try:
        return sources[name]()
    except NotDeclared:
        if need.endswith("?"):
            return None
        raise


def _declared(value: Any) -> Any:
    if value is None:
        raise NotDeclared("The manifest names no artifact to run; this check needs one.")
    return value


def _without_place(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in ("path", "sha256")}
