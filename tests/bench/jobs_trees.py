"""Jobs: exact tree SHAP by ours, and by the libraries that train the trees."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.bench.measuring import median, seconds_of
from tests.bench.registry import job, peer
from tests.bench.scenes import TREE_FEATURES, applicants

SHOWN, ROWS = 50, 100_000


@job
def trees_path(model: str, rows: str, rounds: str) -> dict[str, Any]:
    """Path-dependent values; reading and cutting the trees is told apart as `setup`."""
    from apps.engine.explain.tree_shap import TreeShap

    ensemble, matrix = _read(model), _rows(int(rows))
    TreeShap(ensemble).values(matrix[:4096])  # compiled code is loaded
    began = time.perf_counter()
    ready = TreeShap(ensemble)
    ready.values(matrix[:64])
    setup = time.perf_counter() - began
    return _timed(ready, matrix, int(rounds)) | {"setup": setup}


@job
def trees_background(model: str, rows: str, background: str, rounds: str) -> dict[str, Any]:
    """Interventional values against a whole background, which is taken in within the time told."""
    from apps.engine.explain.tree_shap import TreeShap

    ensemble, matrix = _read(model), _rows(int(rows))
    other = matrix[-int(background) :]
    path = TreeShap(ensemble) if ensemble.has_cover else None
    TreeShap(ensemble, other[:50]).values(matrix[:4096])
    began = time.perf_counter()
    ready = TreeShap(ensemble, other)
    ready.values(matrix[:64])
    setup = time.perf_counter() - began
    told = _timed(ready, matrix, int(rounds)) | {"setup": setup}
    told["whole"] = told["seconds"] + setup
    if path is not None:
        told["over_path"] = told["seconds"] / seconds_of(lambda: path.values(matrix), 1)
    return told


def _timed(ready: Any, matrix: Any, rounds: int) -> dict[str, Any]:
    import numpy as np

    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        values = ready.values(matrix)
        taken.append(time.perf_counter() - began)
    few = slice(0, min(len(matrix), 20_000))
    gap = np.abs(ready.base + values[few].sum(1) - ready.ensemble.margin(matrix[few]))
    return {
        "seconds": median(taken),
        "rows": len(matrix),
        "sample": values[:SHOWN].round(9).tolist(),
        "additivity": float(gap.max()),
    }


def _rows(count: int) -> Any:
    import numpy as np

    return _singles(count).astype(np.float64)


def _read(model: str) -> Any:
    from apps.engine.explain import lightgbm_trees, sklearn_models, xgboost_trees

    path = Path(model)
    if path.name.startswith("xgboost"):
        return xgboost_trees.read(path)
    if path.name.startswith("lightgbm"):
        return lightgbm_trees.read(path)
    return sklearn_models.trees(_forest(model))


def _forest(model: str) -> Any:
    import skops.io

    return skops.io.load(model, trusted=skops.io.get_untrusted_types(file=model))


@job
def trees_cold(model: str, rows: str) -> dict[str, Any]:
    """The whole process is the point: the outside takes its time. It begins as the program's own do."""
    import numpy as np

    from apps.engine.explain.tree_shap import TreeShap
    from apps.engine.explain.xgboost_trees import read
    from apps.engine.process import claim

    claim()
    values = TreeShap(read(Path(model))).values(np.load(rows))
    return {"first": float(np.abs(values).mean(0)[0])}


@peer("xgboost-cpu")
def xgboost_cold(model: str, rows: str) -> dict[str, Any]:
    """The same by `pred_contribs`, cold."""
    import numpy as np
    import xgboost

    matrix = xgboost.DMatrix(np.load(rows), nthread=2)
    values = xgboost.Booster(model_file=model).predict(matrix, pred_contribs=True)
    return {"first": float(np.abs(values).mean(0)[0])}


@peer("xgboost-cpu")
def xgboost_path(model: str, rows: str) -> dict[str, Any]:
    """`pred_contribs` on two threads."""
    import xgboost

    booster, matrix = xgboost.Booster(model_file=model), _singles(int(rows))
    booster.predict(xgboost.DMatrix(matrix[:64]), pred_contribs=True)

    def way() -> Any:
        return booster.predict(xgboost.DMatrix(matrix, nthread=2), pred_contribs=True)

    return _once(way, len(matrix))


@peer("lightgbm")
def lightgbm_path(model: str, rows: str) -> dict[str, Any]:
    """`pred_contrib` on two threads."""
    import lightgbm

    booster, matrix = lightgbm.Booster(model_file=model), _singles(int(rows))
    booster.predict(matrix[:64], pred_contrib=True, num_threads=2)
    return _once(lambda: booster.predict(matrix, pred_contrib=True, num_threads=2), len(matrix))


@peer("shap")
def shap_forest(model: str, rows: str) -> dict[str, Any]:
    """`shap.TreeExplainer` on a scikit-learn forest, path-dependent."""
    import shap

    explainer, matrix = shap.TreeExplainer(_forest(model)), _singles(int(rows))
    explainer.shap_values(matrix[:4], check_additivity=False)
    return _once(lambda: explainer.shap_values(matrix, check_additivity=False)[..., 1], len(matrix))


@peer("shap")
def shap_background(model: str, rows: str, background: str, most: str) -> dict[str, Any]:
    """`shap.TreeExplainer`, interventional; it keeps at most 100 rows of a background. Few of the rows."""
    import shap
    import xgboost

    matrix = _singles(int(rows))
    explainer = shap.TreeExplainer(
        xgboost.Booster(model_file=model),
        matrix[-int(background) :],
        feature_perturbation="interventional",
    )
    few = matrix[: int(most)]
    return _once(lambda: explainer.shap_values(few, check_additivity=False), len(few))


@peer("woodelf-explainer")
def woodelf_path(model: str, rows: str) -> dict[str, Any]:
    """WOODELF, path-dependent."""
    return _woodelf(model, int(rows), None)


@peer("woodelf-explainer")
def woodelf_background(model: str, rows: str, background: str) -> dict[str, Any]:
    """WOODELF against a whole background."""
    return _woodelf(model, int(rows), int(background))


def _woodelf(model: str, rows: int, background: int | None) -> dict[str, Any]:
    import contextlib
    import io

    import numpy as np
    import pandas as pd
    from woodelf import WoodelfExplainer

    matrix = pd.DataFrame(_singles(rows), columns=[f"f{i}" for i in range(TREE_FEATURES)])
    more = () if background is None else (matrix.iloc[-background:],)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        explainer = WoodelfExplainer(_booster(model), *more)
        return _once(lambda: np.asarray(explainer.shap_values(matrix)), rows)


def _booster(model: str) -> Any:
    if "lightgbm" in Path(model).name:
        import lightgbm

        return lightgbm.Booster(model_file=model)
    import xgboost

    return xgboost.Booster(model_file=model)


def _singles(count: int) -> Any:
    """The first of always the same rows."""
    return applicants(ROWS, 7)[0][:count]


def _once(way: Any, rows: int) -> dict[str, Any]:
    began = time.perf_counter()
    values = way()
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "rows": rows, "sample": values[:SHOWN, :TREE_FEATURES].tolist()}
