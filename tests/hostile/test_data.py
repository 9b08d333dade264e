"""Data files that lie, do not fit, or would not fit into memory."""

from __future__ import annotations

import gzip
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Program
from tests.hostile.conftest import Refused
from tests.hostile.test_variants import varint

GOOD = b"score,defaulted,sex,approved\n0.9,1,F,no\n0.1,0,M,yes\n0.4,1,F,no\n0.3,0,M,yes\n"
UTF16 = GOOD.decode().encode("utf-16")


@pytest.fixture
def holdout(here: Path) -> Path:
    return here / "holdout.csv"


@pytest.fixture
def bounded() -> Iterator[None]:
    """Under half a minute, and no child above four gibibytes, or the largest before."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    yield
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= max(before, 4 << 20)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is an empty file"),
        (b"\n", "no header line"),
        (b"\n\n\n", "no header line"),
        (b"score,defaulted\n0.9,1\0\n", "NUL"),
        (GOOD.replace(b"0.1,0,M", b"0.1,0"), "line 3"),
        (GOOD.replace(b"0.1,0,M", b"0.1,0,M,x"), "line 3"),
        (GOOD.replace(b"F,no", b"\xff,no"), "UTF-8"),
        (b"\xe9" + GOOD, "UTF-8"),
        (UTF16, "UTF-16"),
        (GOOD.replace(b"sex", b"score"), 'the column "score" twice'),
        (GOOD.replace(b"F,no", b'"F,no', 1), "quotation"),
        (GOOD.replace(b"F,no", b'"F,no'), "a quotation mark"),
        (GOOD.replace(b"0.9", b"high"), '"high"'),
        (GOOD.replace(b"score", b"scores"), 'no column "score"'),
        (b"PK\x03\x04" + GOOD, "zip"),
        (b"PAR1" + GOOD, "Parquet"),
        (b"PAR1", "Parquet"),
        (gzip.compress(GOOD, mtime=0)[:-9], "gzip"),
        (gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), "gzip"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"\x80\x04\x95" + bytes(40), "NUL"),
        (GOOD.replace(b",", b";"), "separated by semicolons"),
    ],
)  # fmt: skip
def test_a_broken_table_is_refused_with_its_cause(
    holdout: Path, refused: Refused, data: bytes, words: str
) -> None:
    holdout.write_bytes(data)
    assert words in refused()


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.rstrip(b"\n"),
        gzip.compress(GOOD, mtime=0),
        GOOD.replace(b"F", b'"F"'),
        GOOD.replace(b"0.9", b" 0.9 "),
    ],
)
def test_harmless_variants_give_the_same_number(holdout: Path, program: Program, data: bytes) -> None:
    holdout.write_bytes(GOOD)
    words = ("measure", "model.yaml", "--check", "performance.auc", "--format", "json")
    plain = program(*words)
    holdout.write_bytes(data)
    assert program(*words) == plain
    assert plain[0] == 0


@pytest.mark.parametrize("keep", [3, 4, 40, 0.5, 0.9, 0.99])
def test_a_cut_off_parquet_file_is_named(here: Path, refused: Refused, keep: float) -> None:
    pq.write_table(pa.table({"score": np.arange(1000.0), "defaulted": np.arange(1000) % 2}), "p")
    data = Path("p").read_bytes()
    (here / "holdout.csv").write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    assert "holdout" in refused()


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_parquet_file_never_ends_the_program(here: Path, program: Program, seed: int) -> None:
    pq.write_table(pa.table({"score": np.arange(500.0), "defaulted": np.arange(500) % 2}), "p")
    data, rng = bytearray(Path("p").read_bytes()), np.random.default_rng(seed)
    for at in rng.integers(4, len(data) - 8, size=8):
        data[at] = rng.integers(256)
    (here / "holdout.csv").write_bytes(data)
    code, _, err = program("measure", "model.yaml", "--check", "performance.auc")
    assert code in (0, 3, 4)
    assert "internal" not in err


@pytest.mark.slow
@pytest.mark.usefixtures("bounded")
def test_rows_of_long_text_are_refused_at_the_first_batch(here: Path, refused: Refused) -> None:
    group = pa.table({"score": pa.DictionaryArray.from_arrays(np.zeros(1_000_000, np.int8), ["x" * 1000])})
    with pq.ParquetWriter(here / "holdout.csv", group.schema) as writer:
        for _ in range(60):
            writer.write_table(group)
    assert "GiB of text in" in refused()


@pytest.mark.slow
@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("kept", [True, False], ids=["dictionary", "text"])
def test_text_that_would_unpack_to_gigabytes_is_refused(here: Path, refused: Refused, kept: bool) -> None:
    texts = pa.DictionaryArray.from_arrays(np.zeros(10_000_000, np.int8), ["x" * 10_000])
    table = pa.table({"score": texts, "defaulted": texts})
    pq.write_table(table, here / "holdout.csv", store_schema=kept)
    assert "GiB of text" in refused()


def lines(total: int, line: bytes) -> Iterator[bytes]:
    for _ in range(total // len(line)):
        yield line


@pytest.mark.slow
@pytest.mark.usefixtures("bounded")
def test_a_line_of_a_gigabyte_is_refused(holdout: Path, refused: Refused) -> None:
    with holdout.open("wb") as file:
        file.write(b"score,defaulted\n")
        file.writelines(lines(1 << 30, b"1" * (1 << 20)))
    assert "a line of more than" in refused()


@pytest.mark.slow
@pytest.mark.usefixtures("bounded")
def test_a_header_of_a_hundred_thousand_columns_is_refused(holdout: Path, refused: Refused) -> None:
    names = ",".join(f"c{i}" for i in range(100_000))
    holdout.write_text(f"{names}\n" + f"{'1,' * 99_999}1\n" * 20)
    assert "100,000 columns" in refused()


@pytest.mark.slow
@pytest.mark.usefixtures("bounded")
def test_a_gzip_bomb_is_read_to_its_end_in_little_memory(here: Path, program: Program) -> None:
    with gzip.open(here / "holdout.csv", "wb", compresslevel=1) as file:
        file.write(b"score,defaulted\n")
        file.writelines(lines(1 << 29, b"0.5,1\n" * (1 << 18)))
    code, said, _ = program("measure", "model.yaml", "--check", "performance.auc")
    assert (code, "labels are positive" in said) == (3, True)


def test_a_folder_with_other_things_than_parts_is_refused(here: Path, refused: Refused) -> None:
    (here / "holdout.csv").unlink()
    (here / "holdout.csv").mkdir()
    assert "without any Parquet part" in refused()
    (here / "holdout.csv" / "a.parquet").write_text("no")
    assert "a.parquet" in refused()
    (here / "holdout.csv" / "sub").mkdir()
    assert '"sub"' in refused()


@pytest.mark.parametrize("make", [lambda p: p.symlink_to("nowhere"), lambda p: p.symlink_to(p)])
def test_links_to_nowhere_and_to_themselves_are_named(
    here: Path, refused: Refused, make: Callable[[Path], Any]
) -> None:
    (here / "holdout.csv").unlink()
    make(here / "holdout.csv")
    assert "holdout.csv" in refused()


def test_a_pipe_is_never_waited_for(here: Path, refused: Refused) -> None:
    import os

    (here / "holdout.csv").unlink()
    os.mkfifo(here / "holdout.csv")
    assert "regular file" in refused()


@pytest.mark.parametrize("rows", [999, 1001], ids=["fewer", "more"])
def test_a_footer_that_counts_other_rows_than_its_groups_is_refused(
    here: Path, refused: Refused, rows: int
) -> None:
    """The first count of the footer is that of the file; what follows are its row groups."""
    pq.write_table(pa.table({"score": np.arange(1000.0), "defaulted": np.arange(1000) % 2}), "p")
    data = Path("p").read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8].replace(varint(2 * 1000), varint(2 * rows), 1)
    (here / "holdout.csv").write_bytes(data[: -8 - length] + footer + data[-8:])
    assert f"says that it has {rows:,} rows, and its row groups have 1,000" in refused()


def test_a_row_group_that_counts_rows_which_are_not_there_is_refused(here: Path, refused: Refused) -> None:
    pq.write_table(pa.table({"score": np.arange(1000.0), "defaulted": np.arange(1000) % 2}), "p")
    data = Path("p").read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8].replace(varint(2 * 1000), varint(2 * 1001))
    (here / "holdout.csv").write_bytes(data[: -8 - length] + footer + data[-8:])
    assert "says that it has 1,001 rows, and 1,000 are there" in refused()
