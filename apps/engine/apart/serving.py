"""What the process that holds a model does behind its walls: open the file, answer until nobody asks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from apps.engine.apart.wire import TYPES, Lane, Shared
from apps.engine.columns import ArrayColumn, Coded, Column, Columns, FloatArray
from apps.engine.errors import Problem, Unmeasurable
from apps.engine.inputs import Artifact, Model
from apps.engine.process import claim
from apps.engine.resources import using

_LONGEST = 2_000


def serve(descriptors: Sequence[Sequence[int]], asked: dict[str, Any], walls: dict[str, str]) -> None:
    """Open the model that was asked for behind these walls, then serve every lane.

    Parameters
    ----------
    descriptors : sequence of (reading, writing, given, made)
        Of each lane; the first is answered whether the model could be opened.
    """
    lanes = [Lane(one, other, Shared(given), Shared(made)) for one, other, given, made in descriptors]
    claim(lambda _: None)
    with using(threads=asked["threads"], device="cpu"):
        served = _Served(asked, walls)
        lanes[0].send(served.opened)
        if served.model is None:
            return
        for lane in lanes[1:]:
            threading.Thread(target=served.answer_all, args=(lane,), daemon=True).start()
        served.answer_all(lanes[0])


class _Served:
    """A model and what may be asked of it."""

    def __init__(self, asked: dict[str, Any], walls: dict[str, str]) -> None:
        self.model: Any = None
        self._margin: Callable[[FloatArray], FloatArray] | None = None
        self.opened = _told(lambda: {**self._open(asked), "walls": walls})

    def _open(self, asked: dict[str, Any]) -> dict[str, Any]:
        model = _service(asked) if "endpoint" in asked else _file(asked)
        self.model = model
        return {
            "features": list(model.features),
            "texts": list(getattr(model, "texts", ())),
            "batch": np.dtype(getattr(model, "batch_dtype", np.float64)).name
            if hasattr(model, "score_batch")
            else None,
        }

    def answer_all(self, lane: Lane) -> None:
        """Answer a lane until its other side is gone, and with the first lane end the process."""
        while (asked := lane.receive()) is not None:
            lane.send(_asked(_ACTS[asked["do"]], self, asked, lane))
        os._exit(0)

    def matrix(self, asked: dict[str, Any], lane: Lane) -> FloatArray:
        """The scores of a numeric matrix, whatever the order of its rows."""
        return np.asarray(self.model.score_matrix(_matrix(asked, lane)), dtype=np.float64)

    def batch(self, asked: dict[str, Any], lane: Lane) -> FloatArray:
        """The scores of a numeric matrix as its rows stand."""
        return np.asarray(self.model.score_batch(_matrix(asked, lane)), dtype=np.float64)

    def columns(self, asked: dict[str, Any], lane: Lane) -> FloatArray:
        """The scores of rows with text among their features."""
        matrix = _matrix(asked, lane)
        held: dict[str, Column] = {}
        for place, (name, levels) in enumerate(asked["names"]):
            values: FloatArray | Coded = matrix[:, place]
            if levels is not None:
                values = Coded(matrix[:, place].astype(np.int32), tuple(levels))
            held[name] = ArrayColumn(name, values)
        return np.asarray(self.model.score(Columns(tuple(held), held.__getitem__, len(matrix))))

    def trees(self, _: dict[str, Any], __: Lane) -> Any:
        """The model's trees as bytes."""
        from apps.engine.apart.packed import pack
        from apps.engine.explain.inside import trees_of

        return np.frombuffer(pack(trees_of(self.model)), dtype=np.uint8)

    def linear(self, _: dict[str, Any], __: Lane) -> dict[str, Any]:
        """Whether the model is linear, and its link."""
        from apps.engine.explain.inside import margin_of

        self._margin, link = margin_of(self.model)
        return {"link": link}

    def margin(self, asked: dict[str, Any], lane: Lane) -> FloatArray:
        """The margins of rows of a linear model."""
        if self._margin is None:
            self.linear(asked, lane)
        assert self._margin is not None  # noqa: S101 - for the type checker
        return self._margin(_matrix(asked, lane))


def _file(asked: dict[str, Any]) -> Model:
    from apps.engine.artifacts import open_model

    features = asked["features"]
    artifact = Artifact(Path(asked["path"]), asked["format"], asked["sha256"])
    return open_model(artifact, features and tuple(features), positive=asked["positive"])


def _service(asked: dict[str, Any]) -> Model:
    from apps.engine.apart.endpoint import opened

    return opened(asked)


_ACTS: dict[str, Callable[[_Served, dict[str, Any], Lane], Any]] = {
    "matrix": _Served.matrix,
    "batch": _Served.batch,
    "columns": _Served.columns,
    "trees": _Served.trees,
    "linear": _Served.linear,
    "margin": _Served.margin,
}


def _matrix(asked: dict[str, Any], lane: Lane) -> Any:
    return lane.given.array((int(asked["rows"]), int(asked["width"])), TYPES[asked["dtype"]])


def _asked(
    do: Callable[[_Served, dict[str, Any], Lane], Any], served: _Served, asked: dict[str, Any], lane: Lane
) -> dict[str, Any]:
    def answer() -> dict[str, Any]:
        found = do(served, asked, lane)
        if isinstance(found, dict):
            return found
        lane.made.array(found.shape, found.dtype, room=True)[...] = found
        return {"count": int(found.size)}

    return _told(answer)


def _told(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """An answer, or the sentence why there is none."""
    from apps.engine.explain.refuse import Unreadable

    try:
        return answer()
    except Unmeasurable as problem:
        return {"error": "unmeasurable", "reason": _cut(problem), "status": problem.status}
    except Unreadable as problem:
        return {"error": "unreadable", "reason": _cut(problem)}
    except Problem as problem:
        return {"error": "bad_input", "reason": _cut(problem)}
    except MemoryError:
        return {"error": "memory", "reason": ""}
    except Exception as problem:
        return {"error": "internal", "reason": _cut(f"{type(problem).__name__}: {problem}".splitlines()[0])}


def _cut(problem: object) -> str:
    return str(problem)[:_LONGEST]
