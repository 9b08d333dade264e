"""A service as a model, in the process that knows nothing but features: rows are written, scores are read."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from apps.engine.apart.relay import LARGEST, Pipe
from apps.engine.columns import MISSING, Columns, FloatArray
from apps.engine.errors import BadInput
from apps.engine.manifest_endpoint import Endpoint

NUMERIC = frozenset({"number", "boolean"})
_ASKED_TWICE = 256
_LONGEST_NAME = 200
_BYTES_A_SCORE, _BYTES_BESIDE = 64, 1 << 16


class EndpointModel:
    """Scores from a service, in batches; the first rows are asked twice.

    Parameters
    ----------
    endpoint : Endpoint
        As the manifest says; the address is not asked from here.
    features : sequence of str
        The columns that are sent, in order.
    way : Pipe or None
        To the process that may ask.
    """

    format = "endpoint"
    texts: Sequence[str] = ()

    def __init__(self, endpoint: Endpoint, features: Sequence[str], way: Pipe | None) -> None:
        self.endpoint, self.path = endpoint, Path(endpoint.host)
        self.features: Sequence[str] = tuple(features)
        self._way, self._turn = way, threading.Lock()
        self._tried, self._called = False, ""

    def score(self, features: Columns) -> FloatArray:
        """The positive class's score of each row."""
        return self._scored([_values(features, name) for name in self.features], features.rows)

    def score_matrix(self, matrix: FloatArray) -> FloatArray:
        """The same for a numeric matrix."""
        return self._scored([column.tolist() for column in np.asarray(matrix).T], len(matrix))

    def _scored(self, columns: list[list[Any]], rows: int) -> FloatArray:
        made = np.empty(rows)
        with self._turn:
            self._try(columns, min(rows, _ASKED_TWICE))
            for first in range(0, rows, self.endpoint.batch):
                last = min(rows, first + self.endpoint.batch)
                made[first:last] = self._asked([column[first:last] for column in columns], last - first)
        return made

    def _try(self, columns: list[list[Any]], rows: int) -> None:
        """Ask for the first rows twice: whoever answers differently cannot be measured."""
        if self._tried or not rows:
            return
        rows = min(rows, self.endpoint.batch)
        few = [column[:rows] for column in columns]
        one, other = self._asked(few, rows), self._asked(few, rows)
        gap = float(np.abs(one - other).max())
        self._pipe().send({"do": "note", "rows": rows, "largest_difference": gap, "model": self._called})
        if gap > self.endpoint.varies:
            raise self._fault(
                f"gave other scores to the same {rows} rows when asked again: they differ by up to "
                f"{gap:.6g}; spec.endpoint.varies allows {self.endpoint.varies:g}"
            )
        self._tried = True

    def _asked(self, columns: list[list[Any]], rows: int) -> FloatArray:
        write, read = _FORMS[self.endpoint.form]
        body = write(self.features, columns)
        if len(body) > LARGEST:
            raise self._fault(
                f"would be sent {len(body):,} bytes at once; name a smaller spec.endpoint.batch"
            )
        pipe = self._pipe()
        most = min(LARGEST, rows * _BYTES_A_SCORE + _BYTES_BESIDE)
        pipe.send({"do": "post", "most": most, "rows": rows}, body)
        answer = pipe.receive(most)
        if answer is None:
            raise self._fault("cannot be asked any more")
        head, said = answer
        if "error" in head:
            raise BadInput(str(head["error"]))
        scores, called = read(said, self._fault)
        self._same_model(called)
        return self._checked(scores, rows)

    def _pipe(self) -> Pipe:
        if self._way is None:
            raise self._fault("cannot be asked from here: nothing was allowed to")
        return self._way

    def _same_model(self, called: str) -> None:
        if self._called and called != self._called:
            raise self._fault(f'said it is "{called}" after "{self._called}": it changed meanwhile')
        self._called = called

    def _checked(self, scores: FloatArray, rows: int) -> FloatArray:
        if scores.shape != (rows,):
            raise self._fault(f"gave {scores.size:,} scores for {rows:,} rows")
        wrong = np.flatnonzero(~np.isfinite(scores))
        if len(wrong):
            raise self._fault(f"gave no finite score for row {wrong[0] + 1:,} of {rows:,}")
        return scores

    def _fault(self, what: str) -> BadInput:
        return BadInput(f"The endpoint {self.endpoint.host} {what}.")


def opened(asked: Mapping[str, Any]) -> EndpointModel:
    """The model of a first message, as `described` writes it."""
    way = asked["way_out"]
    return EndpointModel(Endpoint(**asked["endpoint"]), asked["features"], Pipe(*way) if way else None)


def described(endpoint: Endpoint, features: Sequence[str], way: tuple[int, int] | None) -> dict[str, Any]:
    """What the process that holds such a model is told first."""
    return {"endpoint": asdict(endpoint), "features": list(features), "way_out": way}


def _values(features: Columns, name: str) -> list[Any]:
    if name not in features:
        raise BadInput(f'The data has no column "{name}", which the endpoint is sent.')
    column = features[name]
    if column.kind in NUMERIC:
        return list(column.numbers().tolist())
    coded = column.coded()
    texts = [None if level == MISSING else level for level in coded.levels]
    return [texts[code] for code in coded.codes.tolist()]


# What is written and read ---------------------------------------------------------------------------


def _json_body(names: Sequence[str], columns: list[list[Any]]) -> bytes:
    rows = [[_plain(value) for value in row] for row in zip(*columns, strict=True)]
    return json.dumps({"features": list(names), "rows": rows}, allow_nan=False, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    """Missing is null; what JSON cannot hold is refused."""
    if isinstance(value, float) and not -np.inf < value < np.inf:
        if value != value:
            return None
        raise BadInput("An infinite feature cannot be written as JSON; name format: arrow in spec.endpoint.")
    return value


def _json_scores(said: bytes, fault: Any) -> tuple[FloatArray, str]:
    def constant(text: str) -> NoReturn:
        raise fault(f"answered {text}, which is no number of JSON")

    try:
        found = json.loads(said, parse_constant=constant)
    except (ValueError, RecursionError) as problem:
        raise fault("answered something that is no JSON") from problem
    scores = found.get("scores") if isinstance(found, dict) else None
    if not isinstance(scores, list):
        raise fault('answered no JSON object with a list "scores"')
    for place, score in enumerate(scores):
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            raise fault(f"gave something that is no number for row {place + 1:,}")
    try:
        return np.array(scores, dtype=np.float64).reshape(len(scores)), _name(found.get("model"), fault)
    except OverflowError as problem:
        raise fault("gave a number too large for a score") from problem


def _name(called: Any, fault: Any) -> str:
    if called is None:
        return ""
    if not isinstance(called, str) or len(called) > _LONGEST_NAME or not called.isprintable():
        raise fault(f'must name its model by at most {_LONGEST_NAME} printable letters in "model"')
    return called


def _arrow_body(names: Sequence[str], columns: list[list[Any]]) -> bytes:
    import pyarrow as pa

    arrays = [pa.array([None if value != value else value for value in column]) for column in columns]
    batch = pa.record_batch(arrays, names=list(names))
    out = io.BytesIO()
    with pa.ipc.new_stream(out, batch.schema) as writer:
        writer.write_batch(batch)
    return out.getvalue()


def _arrow_scores(said: bytes, fault: Any) -> tuple[FloatArray, str]:
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(said) as reader:
            named = (reader.schema.metadata or {}).get(b"model", b"").decode("utf-8", "replace")
            table = reader.read_all()
            table.validate(full=True)
    except (pa.ArrowException, OSError, EOFError, MemoryError) as problem:
        raise fault("answered something that is no Arrow stream") from problem
    if "score" not in table.column_names:
        raise fault('answered an Arrow stream without a column "score"')
    column = table["score"]
    if column.null_count or not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise fault('gave a column "score" with missing values, or of something else than numbers')
    return column.cast(pa.float64()).to_numpy(), _name(named or None, fault)


_FORMS = {"json": (_json_body, _json_scores), "arrow": (_arrow_body, _arrow_scores)}
