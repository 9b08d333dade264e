"""Data files as an outsider would hand them in: ugly, legal or not, each made when it is asked for."""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.engine.laws.specimens import DECLARED, Table, people
from tests.engine.subjects import csv_bytes

Make = Callable[[Path], None]
ROLES: Mapping[str, Any] = {
    "label": {"column": "label", "positive": 1},
    "favourable": 0,
    "score": {"column": "score"},
    "decision": {"column": "approved", "favourable": "yes"},
    "protected": ["sex", "race"],
    "period": "period",
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """What is handed in for measuring, what it is compared with, and what the manifest says of both."""

    holdout: Make
    reference: Make | None = None
    roles: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ("income", "debt", "age", "region")


def csv(change: Callable[[Table], Table] = lambda t: t, encode: Callable[[bytes], bytes] = bytes) -> Make:
    """The table as CSV, changed, its bytes changed too."""
    return lambda path: _put(path, encode(csv_bytes(change(people(later=True)))))


def parquet(change: Callable[[Table], Any], **options: Any) -> Make:
    """The table as Parquet; `change` may give an Arrow table."""

    def write(path: Path) -> None:
        changed = change(people(later=True))
        table = changed if isinstance(changed, pa.Table) else pa.table(changed)
        pq.write_table(table, path, **options)

    return write


def raw(data: bytes) -> Make:
    """These bytes."""
    return lambda path: _put(path, data)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def like(**columns: Any) -> Callable[[Table], Table]:
    """Whole columns replaced by one value."""
    return lambda t: {**t, **{name: [value] * len(t["score"]) for name, value in columns.items()}}


def first(rows: int) -> Callable[[Table], Table]:
    return lambda t: {name: values[:rows] for name, values in t.items()}


def spoilt(name: str, *values: Any) -> Callable[[Table], Table]:
    """The first values of a column replaced."""
    return lambda t: {**t, name: [*values, *t[name][len(values) :]]}


def each(name: str, change: Callable[[Any], Any]) -> Callable[[Table], Table]:
    """Every value of a column changed."""
    return lambda t: {**t, name: [change(value) for value in t[name]]}


def renamed(**names: str) -> Callable[[Table], Table]:
    return lambda t: {names.get(name, name): values for name, values in t.items()}


def arrow(name: str, kind: Any, change: Callable[[Any], Any] = lambda v: v) -> Callable[[Table], pa.Table]:
    """A column of that Arrow type."""

    def make(t: Table) -> pa.Table:
        made = pa.table(t)
        values = pa.array([change(value) for value in t[name]], kind)
        return made.set_column(made.column_names.index(name), name, values)

    return make


def dictionary(t: Table) -> pa.Table:
    """Every column as a dictionary, with a word in it that no row uses."""
    made = pa.table(t)
    return pa.table({name: made.column(name).dictionary_encode() for name in made.column_names})


def twice(t: Table) -> pa.Table:
    """A column name that stands twice."""
    made = pa.table(t)
    return made.append_column("score", pa.array([0.5] * made.num_rows))


def encrypted(path: Path) -> None:
    """A file whose end says that it is encrypted."""
    parquet(lambda t: t)(path)
    data = path.read_bytes()
    _put(path, b"PARE" + data[4:-4] + b"PARE")


def no_groups(path: Path) -> None:
    """A Parquet file without any row group."""
    pq.ParquetWriter(path, pa.table(people(3)).schema).close()


def quoted(data: bytes) -> bytes:
    """Every cell in quotation marks, some with a line end in them."""
    lines = [line.split(",") for line in data.decode().splitlines()]
    text = "\r\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
    return text.replace('"north"', '"nor\r\nth ""x"""').encode()


def labelled(positive: Any, *values: Any) -> Hostile:
    """Labels of other values, and what the manifest calls positive; the first value is the good one."""
    roles = {"label": {"column": "label", "positive": positive}, "favourable": values[0]}
    return Hostile(csv(each("label", lambda v: values[v])), roles=roles)


def weighed(*values: Any) -> Hostile:
    """Weights, the first ones these."""
    change = spoilt("weight", *values)
    return Hostile(
        csv(lambda t: change({**t, "weight": [1.0] * len(t["score"])})), roles={"weight": "weight"}
    )


def many_groups(t: Table) -> Table:
    rows = 3000
    return {**people(rows, later=True), "sex": [f"g{i % 1500}" for i in range(rows)]}


def times(t: Table) -> pa.Table:
    start = datetime(2025, 7, 1, tzinfo=UTC)
    return arrow("period", pa.timestamp("ns", tz="UTC"), lambda _: start + timedelta(days=31))(t)


NAMES = {
    "blanks around": " income ",
    "right to left": "\u202eincome",
    "zero width": "inc\u200bome",
    "look-alike": "\u0456ncome",
    "decomposed": "e\u0301income",
    "emoji": "\U0001f600",
    "markup": "<script>alert(1)</script>",
    "formula": "=1+1",
    "a line end": "in\ncome",
    "escape codes": "\x1b[2Jincome",
    "very long": "i" * 100_000,
}
TEXTS = {
    "yes": labelled("yes", "no", "yes"),
    "TRUE": labelled("TRUE", "FALSE", "TRUE"),
    "true told as 1": labelled(1, "false", "true"),
    "1.0": labelled(1, "0.0", "1.0"),
    "1.0 told as text": labelled("1.0", "0.0", "1.0"),
    "1 and 2": labelled(2, 1, 2),
    "-1 and 1": labelled(1, -1, 1),
    "01": labelled("01", "00", "01"),
    "huge numbers": labelled(2**60 + 1, 2**60, 2**60 + 1),
    "infinite": labelled("inf", "-inf", "inf"),
    "blanks around": labelled("good", "bad ", "good "),
    "case": labelled("good", "BAD", "GOOD"),
    "positive is favourable": labelled(1, 1, 0),
}
TYPES: Mapping[str, Callable[[Table], Any]] = {
    "bool label": arrow("label", pa.bool_(), bool),
    "int8 label": arrow("label", pa.int8()),
    "decimal score": arrow("score", pa.decimal128(38, 20), lambda v: decimal.Decimal(str(v))),
    "float16 score": arrow("score", pa.float16(), np.float16),
    "float32 score": arrow("score", pa.float32()),
    "large_string score": arrow("score", pa.large_string(), str),
    "large_string group": arrow("sex", pa.large_string()),
    "string_view group": arrow("sex", pa.string_view()),
    "binary group": arrow("sex", pa.binary(), str.encode),
    "broken text in binary": arrow("sex", pa.binary(), lambda v: b"\xff\xfe"),
    "dictionary": dictionary,
    "list feature": arrow("income", pa.list_(pa.float64()), lambda v: [v, v]),
    "struct feature": arrow("income", pa.struct([("a", pa.float64())]), lambda v: {"a": v}),
    "map feature": arrow("income", pa.map_(pa.string(), pa.float64()), lambda v: [("a", v)]),
    "list score": arrow("score", pa.list_(pa.float64()), lambda v: [v]),
    "list group": arrow("sex", pa.list_(pa.string()), lambda v: [v]),
    "timestamp period": times,
    "timestamp score": arrow("score", pa.timestamp("s"), lambda v: datetime(2025, 1, 1)),  # noqa: DTZ001
    "date period": arrow("period", pa.date32(), lambda v: date(2025, int(v[5:]), 1)),
    "duration feature": arrow("income", pa.duration("s"), lambda v: timedelta(seconds=v)),
    "null feature": arrow("income", pa.null(), lambda v: None),
    "null score": arrow("score", pa.null(), lambda v: None),
    "null group": arrow("sex", pa.null(), lambda v: None),
    "uint64 feature": arrow("debt", pa.uint64(), lambda v: 2**64 - 1 - int(v)),
    "int64 feature": arrow("debt", pa.int64(), lambda v: -(2**63) + int(v)),
    "a column twice": twice,
}


def everything() -> dict[str, Hostile]:
    """Every input by name."""
    plain = csv()
    found = {
        "no rows": Hostile(csv(first(0))),
        "one row": Hostile(csv(first(1))),
        "two rows": Hostile(csv(first(2))),
        "one class": Hostile(csv(like(label=1))),
        "the other class": Hostile(csv(like(label=0))),
        "one group": Hostile(csv(like(sex="F", race="a"))),
        "constant score": Hostile(csv(like(score=0.3))),
        "everybody refused": Hostile(csv(like(approved="no"))),
        "1,500 groups": Hostile(csv(many_groups)),
        "score NaN": Hostile(csv(spoilt("score", "NaN"))),
        "score empty": Hostile(csv(spoilt("score", None, None))),
        "score inf": Hostile(csv(spoilt("score", "inf"))),
        "score -Infinity": Hostile(csv(spoilt("score", "-Infinity"))),
        "score None as text": Hostile(csv(spoilt("score", "None"))),
        "score 1e400": Hostile(csv(spoilt("score", "1e400"))),
        "score hexadecimal": Hostile(csv(spoilt("score", "0x1p-1"))),
        "score with a comma": Hostile(csv(spoilt("score", "0,5"))),
        "score with an underscore": Hostile(csv(spoilt("score", "0_5"))),
        "score in other digits": Hostile(csv(spoilt("score", "٠.٥"))),
        "score per cent": Hostile(csv(each("score", lambda v: f"{v * 100:g}%"))),
        "scores in per cent": Hostile(csv(each("score", lambda v: v * 100))),
        "scores below zero": Hostile(csv(each("score", lambda v: -v))),
        "scores are log odds": Hostile(csv(each("score", lambda v: math.log(v / (1 - v))))),
        "score huge": Hostile(csv(spoilt("score", 1e308, -1e308))),
        "score subnormal": Hostile(csv(each("score", lambda v: v * 5e-324))),
        "score minus zero": Hostile(csv(like(score="-0.0"))),
        "scores of two values": Hostile(csv(each("score", round))),
        "integers beyond 2^53": Hostile(csv(each("debt", lambda v: 2**60 + int(v)))),
        "integers beyond 2^64": Hostile(csv(each("debt", lambda v: 10**30 + int(v)))),
        "integers of 5,000 digits": Hostile(csv(spoilt("debt", "9" * 5000))),
        "scores beyond 2^53": Hostile(csv(each("score", lambda v: 2**60 + int(v * 100)))),
        "mixed types": Hostile(csv(spoilt("income", "high", "true", "2025-01-01"))),
        "mixed groups": Hostile(csv(spoilt("sex", "1", "1.0", "true", "TRUE", " F", "f", "(missing)"))),
        "groups of blanks": Hostile(csv(each("sex", lambda v: {"F": " ", "M": "  "}[v]))),
        "groups joined": Hostile(csv(each("sex", lambda v: f"{v} × a"))),
        "groups of markup": Hostile(csv(each("sex", lambda v: f"<img src=x onerror=alert({v})>"))),
        "groups of 100,000 letters": Hostile(csv(each("sex", lambda v: v * 100_000))),
        "label half missing": Hostile(csv(spoilt("label", *[None] * 120))),
        "a third class": Hostile(csv(spoilt("label", 2))),
        "label of probabilities": Hostile(csv(each("label", lambda v: v * 0.97 + 0.01))),
        "decision missing": Hostile(csv(spoilt("approved", None))),
        "decision of others": Hostile(csv(each("approved", lambda v: "maybe"))),
        "features infinite": Hostile(csv(like(income="inf", debt="-inf"))),
        "features missing": Hostile(csv(like(income=None, debt=None, age=None, region=None))),
        "features constant": Hostile(csv(like(income=1, debt=1, age=1, region="x"))),
        "features at the ends": Hostile(csv(each("income", lambda v: 1e308 * (-1) ** int(v)))),
        "the label is a feature": Hostile(plain, features=("label", "score", "sex")),
        "1,000 features": Hostile(
            csv(lambda t: {**t, **{f"f{i}": t["debt"] for i in range(1000)}}),
            features=tuple(f"f{i}" for i in range(1000)),
        ),
        "periods of nonsense": Hostile(csv(spoilt("period", "2025-13", "2025-7", "next year"))),
        "one column": Hostile(raw(b"score\n0.5\n0.6\n")),
        "no feature": Hostile(plain, features=()),
        "weights of zero": weighed(*[0.0] * 240),
        "a weight below zero": weighed(-1.0),
        "a weight missing": weighed(None),
        "a weight NaN": weighed("NaN"),
        "a weight infinite": weighed("inf"),
        "weights huge": weighed(*[1e308] * 240),
        "weights tiny": weighed(*[5e-324] * 240),
        "weights of text": weighed("heavy"),
        "byte order mark": Hostile(csv(encode=lambda d: b"\xef\xbb\xbf" + d)),
        "CRLF": Hostile(csv(encode=lambda d: d.replace(b"\n", b"\r\n"))),
        "CR alone": Hostile(csv(encode=lambda d: d.replace(b"\n", b"\r"))),
        "quoted": Hostile(csv(encode=quoted)),
        "semicolons": Hostile(csv(encode=lambda d: d.replace(b",", b";"))),
        "latin-1": Hostile(csv(each("sex", lambda v: "é"), encode=lambda d: d.decode().encode("latin-1"))),
        "ragged": Hostile(csv(encode=lambda d: d.replace(b",north\n", b"\n", 1))),
        "NUL": Hostile(csv(encode=lambda d: d.replace(b"north", b"no\0rth", 1))),
        "blank lines": Hostile(csv(encode=lambda d: d.replace(b"\n", b"\n\n"))),
        "no line end": Hostile(csv(encode=lambda d: d.rstrip(b"\n"))),
        "a comment first": Hostile(csv(encode=lambda d: b"# made by us\n" + d)),
        "a header only": Hostile(raw(b"score,label,approved,sex,race,period\n")),
        "an empty name": Hostile(csv(renamed(rival=""))),
        "Parquet without row groups": Hostile(no_groups),
        "Parquet with an encrypted end": Hostile(encrypted),
        "a reference of no rows": Hostile(plain, csv(first(0))),
        "a reference of one row": Hostile(plain, csv(first(1))),
        "a reference without the columns": Hostile(plain, raw(b"other\n1\n2\n"), {"protected": []}),
        "a reference of other types": Hostile(plain, csv(each("income", lambda v: f"about {v}"))),
        "a reference of other groups": Hostile(plain, csv(each("sex", lambda v: f"x{v}"))),
        "a reference of constants": Hostile(plain, csv(like(score=0.5, income=1, debt=1, age=1))),
        "a reference with infinite scores": Hostile(plain, csv(spoilt("score", "inf", "-inf"))),
        "a reference with missing scores": Hostile(plain, csv(like(score=None))),
        "the reference is the same file": Hostile(plain, plain),
    }
    found |= {f"label {name}": made for name, made in TEXTS.items()}
    found |= {f"Parquet: {name}": Hostile(parquet(make)) for name, make in TYPES.items()}
    for name, text in NAMES.items():
        features = (text, "debt", "age", "region")
        found[f"a name with {name}"] = Hostile(
            csv(renamed(income=text)), csv(renamed(income=text)), {}, features
        )
        grouped = csv(renamed(sex=text))
        found[f"a group named with {name}"] = Hostile(grouped, grouped, {"protected": [text, "race"]})
    return found


def written(folder: Path, given: Hostile) -> Path:
    """Both data sets and their manifest in a folder."""
    given.holdout(folder / "holdout")
    (given.reference or csv_reference)(folder / "development")
    roles = {**ROLES, **given.roles}
    usual = {**roles, **{name: ROLES[name] for name in ("label", "favourable")}}
    usual.pop("weight", None)
    spec = {
        "kind": "classifier",
        "datasets": {
            "holdout": {"path": "holdout", **roles},
            "development": {"path": "development", **usual},
        },
        **({"features": list(given.features)} if given.features else {}),
        **DECLARED,
    }
    document = {
        "apiVersion": "governance/v1",
        "kind": "ModelVersion",
        "metadata": {"model": "credit-pd", "version": "1"},
        "spec": spec,
    }
    (folder / "model.yaml").write_text(json.dumps(document))
    return folder / "model.yaml"


def csv_reference(path: Path) -> None:
    """What nothing is wrong with: the half year before."""
    _put(path, csv_bytes(people(300, 5)))
