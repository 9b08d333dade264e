from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.engine import files, parts, table_limits, tables
from apps.engine.errors import BadInput, Unmeasurable
from apps.engine.table_column import TableColumn, Traits
from apps.engine.tables import Table
from tests.engine.subjects import write_table

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(data: bytes) -> Path:
        path = tmp_path / "t.csv"
        path.write_bytes(data)
        return path

    return to


def opened(path: Path) -> Table:
    return tables.open_table(path, name=path.name)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "t.csv is an empty file."),
        (b"\n\n", "t.csv has no header line: the first line is blank."),
        (b"a,a\n1,2\n", 't.csv has the column "a" twice.'),
        (b"a,b\n1,2\n3\n", "t.csv, line 3: the header has 2 cells, this line 1."),
        (b"a,b\n1,2,3\n", "t.csv, line 2: the header has 2 cells, this line 3."),
        (b"a,b\n1,x\x00\n", "t.csv holds NUL bytes; it is not CSV text."),
        (b'a,b\n1,"x\n2,y\n', "one of them is never closed"),
        (b"a,\xff\n1,2\n", "t.csv is not UTF-8 text (byte 3)."),
        (b"\xff\xfea\x00", "t.csv is UTF-16 text"),
        (b"PK\x03\x04rest", "t.csv is a zip archive (perhaps a spreadsheet)"),
        (b"\x1f\x8brest", "t.csv is a damaged or cut-off gzip file."),
        (b"PAR1rest", "t.csv is a damaged or cut-off Parquet file"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "t.csv is a damaged or cut-off gzip file."),
        (gzip.compress(b"", mtime=0), "t.csv is an empty file."),
    ],
)
def test_unusable_files_are_refused_in_one_sentence(write: Write, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        opened(write(data))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_utf8_after_the_first_mebibyte_names_line_and_column(write: Write) -> None:
    rows = b"1,2\n" * 400_000
    with pytest.raises(BadInput, match='line 400002: the column "b" holds bytes that are not UTF-8'):
        opened(write(b"a,b\n" + rows + b"3,\xff\n"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"h\.csv does not exist\."):
        opened(tmp_path / "h.csv")


def test_byte_order_mark_crlf_and_quotes_are_read(write: Write) -> None:
    table = opened(write(b'\xef\xbb\xbfa,b\r\n1,"x, ""y""\nz"\r\n'))
    assert list(table) == ["a", "b"]
    assert table["b"].coded().levels == ('x, "y"\nz',)


def test_a_blank_line_of_a_single_column_is_a_missing_row(write: Write) -> None:
    table = opened(write(b"a\n1\n\n3\n"))
    assert table.rows == 3
    assert table["a"].missing().tolist() == [False, True, False]


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b", b"\xef\xbb\xbfa,b\r\n", gzip.compress(b"a,b", mtime=0)])
def test_a_header_alone_is_a_table_without_rows(write: Write, data: bytes) -> None:
    table = opened(write(data))
    assert (table.rows, list(table), table["a"].numbers().size) == (0, ["a", "b"], 0)


@pytest.mark.parametrize(
    ("cells", "kind", "levels"),
    [
        (["1", "10", "2.0", ""], "number", ("1", "10", "2", "(missing)")),
        (["02139", "00501"], "category", ("00501", "02139")),
        (["true", "False"], "boolean", ("false", "true")),
        ([" a", "a"], "category", (" a", "a")),
        (["2026-01-31", "2026-02-01 00:00:00"], "time", ("2026-01-31", "2026-02-01")),
        (["2026-01-31T10:00:00.500"], "time", ("2026-01-31 10:00:00.5",)),
        (["NA", "1"], "category", ("1", "NA")),
        (["9007199254740993", "1"], "number", ("1", "9007199254740993")),
    ],
)
def test_kinds_and_levels_of_text(write: Write, cells: list[str], kind: str, levels: tuple[str, ...]) -> None:
    column = opened(write("\n".join(["a,b", *(f"{c},0" for c in cells)]).encode()))["a"]
    assert (column.kind, column.coded().levels) == (kind, levels)


def test_declared_texts_are_missing(write: Write) -> None:
    path = write(b"a,b\n?,1\n5,?\n")
    table = tables.open_table(path, name="t", missing=["?"])
    assert np.isnan(table["a"].numbers()).tolist() == [True, False]
    assert table["b"].coded().levels == ("1", "(missing)")


def test_the_first_value_that_is_no_number_is_named(write: Write) -> None:
    column = opened(write(b"income,b\n1,0\n12k,0\nn/a,0\n"))["income"]
    with pytest.raises(BadInput) as caught:
        column.numbers()
    assert str(caught.value) == 'Column "income" holds "12k" in row 2 where a number was expected.'


CODINGS: list[tuple[str, Any]] = [
    ("integers", pa.array([1, 0, None, 1], pa.int8())),
    ("floats", pa.array([1.0, 0.0, None, 1.0])),
    ("decimals", pa.array([1, 0, None, 1]).cast(pa.decimal128(30, 2))),
    ("strings", pa.array(["1", "0", None, "1"])),
    ("empty strings", pa.array(["1", "0", "", "1"], pa.large_string())),
    ("categories", pa.array(["1", "0", None, "1"]).dictionary_encode()),
    ("integer categories", pa.array([1, 0, None, 1]).dictionary_encode()),
]


@pytest.mark.parametrize(("coding", "values"), CODINGS, ids=[name for name, _ in CODINGS])
def test_every_coding_gives_the_same_column(tmp_path: Path, coding: str, values: Any) -> None:
    pq.write_table(pa.table({"a": values}), tmp_path / "t.parquet")
    column = opened(tmp_path / "t.parquet")["a"]
    assert column.kind == "number"
    assert column.coded().levels == ("0", "1", "(missing)")
    assert column.coded().codes.tolist() == [1, 0, 2, 1]
    assert column.numbers().tolist()[:2] == [1.0, 0.0]
    assert column.missing().tolist() == [False, False, True, False]


def test_nested_columns_are_refused_only_when_asked_for(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "deep": [[1, 2]]}), tmp_path / "t.parquet")
    table = opened(tmp_path / "t.parquet")
    assert table["a"].numbers().tolist() == [1.0]
    with pytest.raises(BadInput, match='Column "deep" is of the type list'):
        table["deep"].numbers()


@pytest.mark.parametrize("wide", [False, True])
def test_text_that_is_not_utf8_is_refused_with_its_column(tmp_path: Path, wide: bool, monkeypatch) -> None:
    monkeypatch.setattr(parts, "WIDE", 1 if wide else parts.WIDE)
    latin = pa.array([b"caf\xe9", b"bar"])
    text = pa.Array.from_buffers(pa.string(), 2, latin.buffers())
    pq.write_table(pa.table({"a": [1, 2], "place": text}), tmp_path / "t.parquet")
    table = opened(tmp_path / "t.parquet")
    assert table["a"].numbers().tolist() == [1.0, 2.0]
    with pytest.raises(BadInput, match='the column "place" holds bytes that are no UTF-8 text'):
        table["place"].coded()


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for i in range(3):
        write_table(folder / f"part-{i}.parquet", {"a": [i, i], "s": ["x", "y"]})
    table = opened(folder)
    assert table.rows == 6
    assert table["a"].numbers().tolist() == [0, 0, 1, 1, 2, 2]
    assert table["s"].coded().levels == ("x", "y")


def test_parts_that_differ_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "1.parquet", {"a": [1]})
    write_table(tmp_path / "2.parquet", {"a": ["x"]})
    with pytest.raises(BadInput, match=r'The column "a" is string in the part "2\.parquet"'):
        opened(tmp_path)


def test_a_parquet_file_beyond_the_budget_is_refused_from_its_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path / "t.parquet", {"a": [1, 2, 3]})
    monkeypatch.setattr(table_limits, "MAX_ROWS", 2)
    with pytest.raises(BadInput, match=r"t\.parquet has 3 rows of 1 columns; at most 2 rows"):
        opened(tmp_path / "t.parquet")


def test_an_unpacked_bomb_is_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_limits, "MAX_TEXT", 1 << 20)
    with pytest.raises(BadInput, match="unpacks to more than"):
        opened(write(gzip.compress(b"a\n" + b"1\n" * (1 << 20), mtime=0)))


def test_a_line_without_end_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_limits, "MAX_LINE", 1 << 20)
    with pytest.raises(BadInput, match="holds a line of more than"):
        opened(write(b"a\n" + b"1" * (3 << 20)))


def test_digests_are_those_of_the_bytes_and_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write_table(folder / "a.parquet", {"a": [1]})
    before = files.fingerprint(folder, name="parts").sha256
    (folder / "a.parquet").rename(folder / "b.parquet")
    assert files.fingerprint(folder, name="parts").sha256 != before


def test_a_file_that_changes_while_read_is_refused(write: Write) -> None:
    path = write(b"a\n1\n")
    before = files.fingerprint(path, name="t.csv")
    path.write_bytes(b"a\n1\n2\n")
    with pytest.raises(BadInput, match=r"t\.csv changed while it was being read"):
        files.unchanged(path, before, name="t.csv")


_cells = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**53), 2**53)), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1, max_size=20),
    st.lists(st.one_of(st.none(), st.text("abc ,\"'é\n", max_size=5)), min_size=1, max_size=20),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=_cells)
def test_csv_gzip_and_parquet_of_one_table_are_the_same(tmp_path: Path, values: list[Any]) -> None:
    table = {"a": values, "b": list(range(len(values)))}
    found = [
        opened(write_table(tmp_path / f"t{suffix}", table)) for suffix in (".csv", ".csv.gz", ".parquet")
    ]
    codes = [(t["a"].coded().levels, t["a"].coded().codes.tolist(), t["a"].kind) for t in found]
    assert codes[0] == codes[1] == codes[2]
    assert found[0]["b"].numbers().tolist() == found[2]["b"].numbers().tolist()


# Tables too large to hold ---------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_limits, "HELD_ROWS", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbfa,b\r\n1,"x, ""y""\nz"\r\n,2026-01-01\r\n',
        b"a\n1\n\n3\n",
        b"a,b\n",
        b"a,b\n007,true\n1,false\n",
    ],
)
def test_a_large_csv_is_the_same_table(write: Write, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    read = opened(write(data))
    monkeypatch.undo()
    held = opened(write(data))
    assert (read.rows, list(read)) == (held.rows, list(held))
    for name in held:
        assert read[name].kind == held[name].kind
        assert read[name].coded().levels == held[name].coded().levels
        assert read[name].coded().codes.tolist() == held[name].coded().codes.tolist()


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"a,b\n1,2\n3\n", "t.csv, line 3: the header has 2 cells, this line 1."),
        (b"a,b\n" + b"1,2\n" * 400_000 + b"3,\xff\n", 'the column "b" holds bytes that are not UTF-8'),
        (b"a,b\n" + b"1,2\n" * 400_000 + b"3\n", "the header has 2 cells, this line 1"),
        (b"a,a\n1,2\n", 't.csv has the column "a" twice.'),
    ],
)
def test_an_unusable_large_csv_is_refused_in_one_sentence(write: Write, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        opened(write(data))
    assert sentence in str(caught.value)


@pytest.mark.usefixtures("large")
def test_the_parts_of_a_large_csv_go_with_its_table(write: Write) -> None:
    table = opened(write(b"a,b\n1,2\n"))
    assert table.parts is not None
    place = table.parts.paths[0]
    assert place.exists()
    del table
    assert not place.parent.exists()


def test_a_column_of_too_many_rows_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(write_table(tmp_path / "t.parquet", {"a": [1, 2, 3]}))
    monkeypatch.setattr(table_limits, "HELD_VALUES", 2)
    with pytest.raises(Unmeasurable, match="has 3 rows; this check takes rows"):
        table["a"]


def test_what_parts_of_a_column_allow_it_to_be(tmp_path: Path) -> None:
    def traits(*cells: str | None) -> Traits:
        return TableColumn("a", pa.chunked_array([pa.array(cells, pa.string())])).traits

    assert (traits("1", "2") & traits(None)).kind == "number"
    assert (traits("true") & traits("False", None)).kind == "boolean"
    assert (traits("2026-01-01") & traits("2026-01-02")).kind == "time"
    assert (traits("1") & traits("true")).kind == "category"
    assert (traits("1") & traits("007")).kind == "category"
    assert (traits() & traits(None)).kind == "number"
