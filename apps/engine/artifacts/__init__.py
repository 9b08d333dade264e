"""Model files → a scoring function. Nothing is ever unpickled, and code is refused before any load."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine import scan
from apps.engine.errors import BadInput
from apps.engine.inputs import Artifact, Model
from apps.engine.process import step

__all__ = ["open_model", "opening_seconds", "sniff"]

OPEN_SECONDS, BYTES_A_SECOND = 15, 4 << 20
_LOADERS = {"onnx": "onnx", "xgboost": "xgboost", "lightgbm": "lightgbm", "skops": "skops"}
_KINDS = {
    "onnx": "onnx",
    "xgboost-json": "xgboost",
    "xgboost-ubj": "xgboost",
    "lightgbm-text": "lightgbm",
    "skops": "skops",
}
_CALLED = {
    "onnx": "an ONNX model",
    "xgboost": "an XGBoost model in JSON or UBJ",
    "lightgbm": "a LightGBM text model",
    "skops": "a skops file",
}


def sniff(path: Path | str) -> str:
    """The format of a model file, told by its content alone.

    Returns
    -------
    str
        ``"onnx"``, ``"xgboost"``, ``"lightgbm"`` or ``"skops"``.

    Raises
    ------
    BadInput
        The content can run code, is damaged, or is no model of a known format.
    """
    found = scan.scan(path)
    refused = next((f for f in found.findings if f.severity == "refuse"), None)
    if refused is not None:
        raise BadInput(f"{refused.sentence} The file was refused without being opened.")
    if found.files:
        raise BadInput(
            f"{Path(path).name} keeps tensors in other files ({', '.join(found.files)}); save it as one file."
        )
    if found.kind not in _KINDS:
        raise BadInput(f"{Path(path).name} is {found.kind}, not a model; {_known()} was expected.")
    return _KINDS[found.kind]


def open_model(artifact: Artifact, features: Sequence[str] | None = None, *, positive: Any = None) -> Model:
    """Load a model.

    Parameters
    ----------
    artifact : Artifact
        The file and the format that the manifest names.
    features : sequence of str, optional
        The columns that the model takes, in order; by default the artifact's own input names.
    positive : scalar, optional
        The label value that the score predicts; chooses the output of a model of several classes.

    Raises
    ------
    BadInput
        Another format than named, a damaged file, a class that the model does not know, features that
        do not fit, or content that can run code.
    """
    name = artifact.path.name
    with step(f"the artifact {name} was being opened", seconds=opening_seconds(artifact)):
        return _opened(artifact, tuple(features) if features else None, positive)


def opening_seconds(artifact: Artifact) -> int:
    """How much processor time opening a model file may take."""
    return OPEN_SECONDS + artifact.path.stat().st_size // BYTES_A_SECOND


def _opened(artifact: Artifact, features: tuple[str, ...] | None, positive: Any) -> Model:
    name = artifact.path.name
    found = sniff(artifact.path)
    if found != artifact.format:
        raise BadInput(f"{name} is {_CALLED[found]}; the manifest says {artifact.format}.")
    load: Callable[..., Model] = import_module(f"apps.engine.artifacts.{_LOADERS[found]}").load
    model = load(artifact.path, features, positive)
    _tried(model)
    return model


def _tried(model: Model) -> None:
    """Score one row: a model that crashes or never ends does so here, where the file is named."""
    with contextlib.suppress(BadInput):  # text inputs, or numbers that zero is none of: no fault of the file
        model.score_matrix(np.zeros((1, len(model.features))))


def _known() -> str:
    return ", ".join(_CALLED.values())
