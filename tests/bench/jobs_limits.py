"""Jobs: what this machine can do at most, so that a figure can be told as a share of it."""

from __future__ import annotations

from typing import Any

from tests.bench.measuring import seconds_of
from tests.bench.registry import job


@job
def limits(size: str) -> dict[str, Any]:
    """Bytes, sorted values and multiplications a second; `size` in MiB of the arrays that are read."""
    import numpy as np

    mib = int(size)
    memory, cache = _reading(mib)
    values = np.random.default_rng(0).random(mib << 14)
    single = values.astype(np.float32)
    side = 2048 if mib >= 64 else 128
    matrix = np.random.default_rng(0).random((side, side)).astype(np.float32)
    return {
        "memory": memory,
        "cache": cache,
        "sort": len(values) / seconds_of(lambda: np.sort(values), 3),
        "sort_single": len(values) / seconds_of(lambda: np.sort(single), 3),
        "multiply": 2 * side**3 / seconds_of(lambda: matrix @ matrix, 3),
    }


def _reading(mib: int) -> tuple[float, float]:
    """Bytes a second from memory by two threads, and from half a MiB of cache by one."""
    from concurrent.futures import ThreadPoolExecutor

    import numba
    import numpy as np

    @numba.njit(fastmath=True, nogil=True)
    def total(array: Any, times: int) -> float:
        found = np.float32(0)
        for _ in range(times):
            for i in range(array.size):
                found += array[i]
        return found

    long, short = np.ones(mib << 18, np.float32), np.ones(1 << 17, np.float32)
    halves = np.array_split(long, 2)
    with ThreadPoolExecutor(2) as pool:
        memory = seconds_of(lambda: list(pool.map(lambda half: total(half, 1), halves)), 5)
    repeats = max(1, mib)
    cache = seconds_of(lambda: total(short, repeats), 3)
    return long.nbytes / memory, short.nbytes * repeats / cache


@job
def decode(place: str, rounds: str, *columns: str) -> dict[str, Any]:
    """Bare decoding of Parquet by Arrow, two threads, row group by row group; nothing is kept."""
    import queue
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    import pyarrow.parquet as pq

    path = Path(place)
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    coded = [name for name in columns if name in ("sex", "race")]
    groups = [(f, g) for f in files for g in range(pq.ParquetFile(f).metadata.num_row_groups)]

    def work(waiting: Any) -> int:
        rows = 0
        while True:
            try:
                file, group = waiting.get_nowait()
            except queue.Empty:
                return rows
            held = pq.ParquetFile(file, memory_map=True, read_dictionary=coded)
            rows += held.read_row_group(group, columns=list(columns), use_threads=False).num_rows

    def way() -> int:
        waiting: Any = queue.SimpleQueue()
        for each in groups:
            waiting.put(each)
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(work, [waiting, waiting]))

    return {"seconds": seconds_of(way, int(rounds)), "count": way()}
