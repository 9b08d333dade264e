"""The measuring side: a model that is held by another process, asked as if it were here."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast, get_args

import numpy as np

from apps.engine.apart import endpoint as services
from apps.engine.apart import relay
from apps.engine.apart.packed import unpack
from apps.engine.apart.wire import TYPES, Lane, Shared
from apps.engine.artifacts import opening_seconds
from apps.engine.artifacts.matrix import number_matrix
from apps.engine.columns import Columns, FloatArray
from apps.engine.device import Arrays, Moved
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.explain.ensemble import Ensemble, Link
from apps.engine.explain.refuse import Unreadable
from apps.engine.inputs import Artifact
from apps.engine.manifest_endpoint import Endpoint
from apps.engine.process import Ended, step, work
from apps.engine.resources import current

_COMMAND = (sys.executable, "-s", "-P", "-m", "apps.engine.apart.server")
_PRINTED, _PATIENCE_S, _PREPARING_S = 2_000, 5, 15
_held: list[_Process] = []


def close_models() -> None:
    """End the processes that hold models and wait for them, so that what they used is counted."""
    while _held:
        _held.pop().close()


def begin_apart(
    artifact: Artifact, features: Sequence[str] | None = None, *, positive: Any = None
) -> Callable[[], ApartModel]:
    """Begin to open a model file in a process of its own; what is returned waits for it.

    It raises `BadInput` as `artifacts.open_model`, and `Ended` where the process ended over the file.
    """
    name = artifact.path.name
    held = _Process(name)
    _held.append(held)
    asked = {
        "path": str(artifact.path.absolute()),
        "format": artifact.format,
        "sha256": artifact.sha256,
        "features": None if features is None else list(features),
        "positive": positive,
        "threads": current().threads,
    }
    begun = held.begin(asked)

    def opened() -> ApartModel:
        with step(f"the artifact {name} was being opened", seconds=opening_seconds(artifact)):
            found = begun()
        kind = ApartModel if found["batch"] is None else _Batched
        return kind(artifact, held, found)

    return opened


def begin_endpoint(endpoint: Endpoint, features: Sequence[str]) -> Callable[[], ApartModel]:
    """As `begin_apart`, for a model that is a service: its process has the way out and no file."""
    name, way = endpoint.host, relay.taken()
    held = _Process(name, way or ())
    _held.append(held)
    begun = held.begin({**services.described(endpoint, features, way), "threads": current().threads})

    def opened() -> ApartModel:
        with step(f"the endpoint {name} was being prepared", seconds=_PREPARING_S):
            return _Service(Artifact(Path(name), "endpoint", ""), held, begun())

    return opened


class ApartModel:
    """A model whose file is open elsewhere; the features that it takes, and the scores that it gives."""

    def __init__(self, artifact: Artifact, held: _Process, found: Mapping[str, Any]) -> None:
        self.path, self.format = artifact.path, artifact.format
        self.features: Sequence[str] = tuple(str(name) for name in found["features"])
        self.walls = {str(k): str(v) for k, v in found["walls"].items()}
        self._texts = frozenset(found["texts"])
        self._held = held
        self.batch_dtype: Any = TYPES[found["batch"] or "float64"]

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row, float64 (n,)."""
        texts = self._texts_of(features)
        if not texts:
            return self.score_matrix(number_matrix(features, self.features))
        named: list[tuple[str, list[str] | None]] = []
        matrix = np.empty((features.rows, len(self.features)))
        for place, name in enumerate(self.features):
            if name not in features:
                raise BadInput(f'The data has no column "{name}", which the model needs.')
            if name not in texts:
                matrix[:, place] = features[name].numbers()
                named.append((name, None))
                continue
            coded = features[name].coded()
            matrix[:, place] = coded.codes
            named.append((name, list(coded.levels)))
        return self._scored("columns", matrix, names=named)

    def _texts_of(self, _: Columns) -> frozenset[str]:
        """Its inputs that are text."""
        return self._texts

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix (n, len(features)); BadInput where the model needs text."""
        return self._scored("matrix", np.asarray(matrix, dtype=np.float64))

    def trees(self) -> list[Ensemble]:
        """Its trees, as `explain.inside.trees_of` reads them."""
        with self._held.lane() as lane:
            answer = self._held.ask({"do": "trees"}, lane)
            return unpack(lane.made.array((_count(answer),), np.uint8).tobytes())

    def linear(self) -> tuple[Callable[[FloatArray], FloatArray], Link]:
        """A linear model's margin and its link."""
        link = self._held.ask({"do": "linear"})["link"]
        if link not in get_args(Link):
            raise Unreadable("its link cannot be read")
        return (lambda rows: self._scored("margin", np.asarray(rows, dtype=np.float64))), cast(Link, link)

    def _scored(self, do: str, matrix: Any, **more: Any) -> FloatArray:
        rows, width = matrix.shape
        if not rows:
            return np.zeros(0)
        with self._held.lane() as lane:
            lane.given.array(matrix.shape, matrix.dtype, room=True)[...] = matrix
            asked = {"do": do, "rows": rows, "width": width, "dtype": matrix.dtype.name, **more}
            count = _count(self._held.ask(asked, lane))
            if count != rows:
                raise BadInput(f"{self.path.name} gives {count:,} scores for {rows:,} rows.")
            return lane.made.array((rows,), np.float64).copy()


class _Batched(ApartModel):
    """One that scores rows as they stand, from several threads."""

    def score_batch(self, matrix: Any) -> FloatArray:
        """The scores of a numeric matrix as its rows stand."""
        return self._scored("batch", np.asarray(matrix, dtype=self.batch_dtype))

    def on_device(self, arrays: Arrays, sample: FloatArray) -> Moved | None:
        """The same scores from a GPU, where the model is an ONNX network that the array API can compute."""
        if self.format != "onnx" or not len(sample):
            return None
        from apps.engine.artifacts.onnx_network import network_of_file

        few = np.ascontiguousarray(sample[:256], dtype=self.batch_dtype)
        return network_of_file(self.path, arrays, few, self.score_batch(few))


class _Service(ApartModel):
    """One that is asked elsewhere: the data say which of its inputs are text."""

    def _texts_of(self, features: Columns) -> frozenset[str]:
        there = [name for name in self.features if name in features]
        return frozenset(name for name in there if features[name].kind not in services.NUMERIC)


class _Process:
    """The process, and the lanes to it that are free; descriptors `given` to it are closed here."""

    def __init__(self, name: str, given: Sequence[int] = ()) -> None:
        self._name, self._code, self._given = name, -1, tuple(given)
        lanes, theirs = zip(*(_lane() for _ in range(current().workers)), strict=True)
        self._lanes, self._free = lanes, queue.LifoQueue[Lane]()
        for lane in reversed(lanes):
            self._free.put(lane)
        started, self._ended = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, args=(theirs, started), daemon=True).start()
        started.wait()

    def _watch(self, theirs: Sequence[tuple[int, ...]], started: threading.Event) -> None:
        """Start the process and wait for its end, in one thread: it dies with the thread that began it."""
        handed = [*(descriptor for lane in theirs for descriptor in lane), *self._given]
        own = tempfile.mkdtemp(prefix="model-")
        try:
            process = subprocess.Popen(
                [*_COMMAND, json.dumps(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=handed,
                cwd=own,
                env={**os.environ, "HOME": own, "TMPDIR": own},
            )
        finally:
            for reading, writing, _, _ in theirs:
                os.close(reading)
                os.close(writing)
            for descriptor in self._given:
                os.close(descriptor)
            started.set()
        self._code = process.wait()
        self._ended.set()

    @contextlib.contextmanager
    def lane(self) -> Iterator[Lane]:
        """A lane that nobody else uses meanwhile."""
        lane = self._free.get()
        try:
            yield lane
        finally:
            self._free.put(lane)

    def close(self) -> None:
        """Say that nobody will ask again, and wait a moment for the end."""
        for lane in self._lanes:
            os.close(lane.writing)
        self._ended.wait(_PATIENCE_S)

    def begin(self, message: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Send the first message; what is returned waits for its answer."""
        lane = self._lanes[0]
        with contextlib.suppress(BrokenPipeError):
            lane.send(message)
        return lambda: self._answer(lane)

    def ask(self, message: dict[str, Any], lane: Lane | None = None) -> dict[str, Any]:
        """The answer to a message; what the process refuses is raised here."""
        if lane is None:
            with self.lane() as free:
                return self.ask(message, free)
        with contextlib.suppress(BrokenPipeError):
            lane.send(message)
        return self._answer(lane)

    def _answer(self, lane: Lane) -> dict[str, Any]:
        answer = lane.receive()
        if answer is None:
            self._gone()
        _refused(answer)
        return answer

    def _gone(self) -> NoReturn:
        self._ended.wait(_PATIENCE_S)
        working = work() or f"the model {self._name} was scoring"
        raise Ended(signal.Signals(-self._code) if self._code < 0 else None, working)


def _lane() -> tuple[Lane, tuple[int, int, int, int]]:
    """Our ends, and the numbers of theirs."""
    here, there = os.pipe(), os.pipe()
    given, made = Shared.made("given"), Shared.made("made")
    ours = Lane(there[0], here[1], given, made)
    return ours, (here[0], there[1], given.descriptor, made.descriptor)


def _count(answer: Mapping[str, Any]) -> int:
    count = answer.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 1 << 40:
        raise BadInput("The process that holds the model gave an answer without a count.")
    return count


def _refused(answer: Mapping[str, Any]) -> None:
    """Raise what an answer says went wrong; the sentence may be anything and is cut to printable text."""
    kind = answer.get("error")
    if kind is None:
        return
    reason = "".join(c if c.isprintable() else " " for c in str(answer.get("reason")))[:_PRINTED]
    if kind == "unmeasurable":
        status = "insufficient" if answer.get("status") == "insufficient" else "undefined"
        raise Unmeasurable(reason, status=status)
    if kind == "unreadable":
        raise Unreadable(reason)
    if kind == "memory":
        raise MemoryError
    if kind == "bad_input":
        raise BadInput(reason)
    raise RuntimeError(reason)
