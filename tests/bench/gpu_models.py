"""Models that a GPU is measured on: a small network and boosted trees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from apps.engine.artifacts import open_model
from apps.engine.explain import xgboost_trees
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.inputs import Artifact, Model

NAMES = tuple(f"x{i:02d}" for i in range(30))
Floats = npt.NDArray[np.float64]


def table(rows: int = 20_000) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Thirty features, of which half matter, and two classes."""
    source = np.random.default_rng(0)
    x = source.normal(size=(rows, 30)).astype(np.float32).astype(np.float64)
    z = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) - 0.4 * x[:, 5] * x[:, 6] + 0.1 * x[:, 7:15].sum(1)
    return x, (z + source.logistic(size=rows) > 0).astype(np.int64)


def network(folder: Path, rows: int = 4_000) -> tuple[Model, Floats]:
    """A network 30-128-64-1 in ONNX, and rows of its data."""
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier

    x, y = table(rows)
    fitted = MLPClassifier((128, 64), max_iter=10, random_state=0, early_stopping=True).fit(x, y)
    path = folder / "network.onnx"
    path.write_bytes(to_onnx(fitted, x[:1].astype(np.float32)).SerializeToString())
    return open_model(Artifact(path, "onnx", ""), NAMES), x


def trees(
    folder: Path, *, count: int = 500, depth: int = 6, background: int = 0, rows: int = 4_000
) -> tuple[TreeShap, Floats]:
    """Boosted trees made ready; path-dependent without a background."""
    import xgboost

    x, y = table(rows)
    data = xgboost.DMatrix(x, label=y, feature_names=list(NAMES))
    settings = {"max_depth": depth, "eta": 0.1, "objective": "binary:logistic", "tree_method": "hist"}
    path = folder / "trees.json"
    xgboost.train(settings, data, count).save_model(path)
    return TreeShap(xgboost_trees.read(path), x[:background] if background else None), x
