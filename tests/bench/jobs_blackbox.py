"""Jobs: Shapley values of a model that is only called: ours and shap's permutation walks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job, peer

LONG = 100


@job
def blackbox_ours(folder: str, kind: str, rows: str, rounds: str) -> dict[str, Any]:
    """The product's walks: one order for each background row; and what the model alone would take."""
    import numpy as np

    from apps.engine.explain.explainer import explainer
    from apps.engine.explain.frame import Frame

    model, background, matrix = _model(folder, kind), *_rows(folder, int(rows))
    names = tuple(model.features)
    ready = explainer(model, Frame(names, background, {}), method="permutation", space="score")
    asked = Frame(names, matrix, {})
    values = ready(asked).values
    seconds = seconds_of(lambda: ready(asked), int(rounds), warm=False)
    evaluations = len(matrix) * len(background) * 2 * (matrix.shape[1] - 1)
    return {
        "seconds": seconds,
        "rows": len(matrix),
        "values": values.tolist(),
        "evaluations": evaluations // len(matrix),
        "floor": evaluations * _each(folder, kind, np),
    }


@job
def blackbox_long(folder: str, rows: str, repeats: str) -> dict[str, Any]:
    """The values that both are held against: very many walks with another seed."""
    from apps.engine.explain.permutation import walked

    model, background, matrix = _model(folder, "onnx"), *_rows(folder, int(rows))
    made = walked(model.score_matrix, matrix, background, seed=77, repeats=int(repeats))
    return {"values": made.values.tolist()}


@peer("shap", "onnxruntime", "scikit-learn")
def blackbox_shap(folder: str, kind: str, rows: str, permutations: str) -> dict[str, Any]:
    """`shap.PermutationExplainer` with the same background, on the bare library."""
    import shap

    background, matrix = _rows(folder, int(rows))
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(_bare(folder, kind), masker)
    evaluations = int(permutations) * (2 * matrix.shape[1] + 1)
    explainer(matrix[:1], max_evals=evaluations, silent=True)
    began = time.perf_counter()
    values = explainer(matrix, max_evals=evaluations, silent=True).values
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "rows": len(matrix), "values": values.tolist()}


def _each(folder: str, kind: str, np: Any) -> float:
    """Seconds of the bare model for one of many rows, at the batch that suits it best."""
    call = _bare(folder, kind)
    found = []
    for size in (1000, 4096):
        matrix = np.random.default_rng(0).normal(size=(size, 30)).astype(np.float32)
        found.append(seconds_of(lambda matrix=matrix: call(matrix), 9) / size)
    return float(min(found))


def _bare(folder: str, kind: str) -> Any:
    """The positive class's probability by the library itself, on two threads."""
    import numpy as np

    if kind == "sklearn":
        import skops.io

        path = Path(folder, "mlp.skops")
        model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
        return lambda matrix: model.predict_proba(matrix)[:, 1]
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(
        Path(folder, "mlp.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    taken, given = session.get_inputs()[0].name, session.get_outputs()[1].name
    return lambda matrix: session.run([given], {taken: np.ascontiguousarray(matrix, np.float32)})[0][:, 1]


def _rows(folder: str, count: int) -> tuple[Any, Any]:
    import numpy as np

    with np.load(Path(folder, "mlp.npz")) as kept:
        return kept["background"].astype(np.float64), kept["rows"][:count].astype(np.float64)


def _model(folder: str, kind: str) -> Any:
    from apps.engine.artifacts import open_model
    from apps.engine.inputs import Artifact

    path = Path(folder, "mlp.skops" if kind == "sklearn" else "mlp.onnx")
    names = [f"f{i}" for i in range(30)]
    return open_model(Artifact(path, "skops" if kind == "sklearn" else "onnx", ""), names)
