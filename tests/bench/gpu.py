"""`python -m tests.bench.gpu` runs the GPU tests, measures beside the processor, and writes docs/gpu.md.

Nothing is measured, and nothing written, where there is no GPU. `--rehearse` goes through every step with a
stand-in for a GPU and tiny inputs, and writes nothing either.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from apps.engine.device import Arrays, processor
from apps.engine.explain.black_box import Box, box_of
from apps.engine.explain.device_tables import values
from apps.engine.explain.frame import Frame
from apps.engine.explain.permutation import walked
from apps.engine.resources import using
from tests.bench import gpu_models

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "gpu.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Line:
    """One workload: seconds on the processor, on the GPU, and how far apart their numbers are."""

    what: str
    cpu: float
    gpu: float
    apart: float

    def markdown(self) -> str:
        return (
            f"| {self.what} | {shown(self.cpu)} | {shown(self.gpu)} | {self.cpu / self.gpu:.1f} "
            f"| {self.apart:.1e} |"
        )


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def best(work: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The median time of a few runs after a first one, and what the last gave."""
    made, spent = work(), []
    for _ in range(times):
        began = time.perf_counter()
        made = work()
        spent.append(time.perf_counter() - began)
    return median(spent), made


def black_boxes(gpu: Arrays, folder: Path, rows: int) -> Iterator[Line]:
    """A network explained by permutation walks, 5,800 scores a row."""
    model, x = gpu_models.network(folder)
    frame, some = Frame(gpu_models.NAMES, x[:100], {}), np.resize(x[100:], (rows, 30))
    with using(device="cpu"):
        here = box_of(model, frame)
    moved = model.on_device(gpu, frame.matrix)  # type: ignore[attr-defined]
    if moved is None:
        raise SystemExit("The network does not run on this device.")
    there = Box(moved.score, here.dtype, moved.arrays)
    few = some[: max(1, rows // 20)]  # the processor is measured on fewer rows; its time is proportional
    cpu, wanted = best(lambda: walked(here, few, x[:100], seed=1), 1)
    spent, found = best(lambda: walked(there, some, x[:100], seed=1))
    apart = float(np.abs(found.values[: len(few)] - wanted.values).max() / np.abs(wanted.values).max())
    yield Line(
        f"network 30-128-64-1, {rows:,} rows against 100, permutation walks",
        cpu * rows / len(few),
        spent,
        apart,
    )


def trees(gpu: Arrays, folder: Path, rows: int, count: int) -> Iterator[Line]:
    """Boosted trees, both games."""
    for background, name in ((0, "path-dependent"), (100, "interventional against 100")):
        shap, x = gpu_models.trees(folder, count=count, background=background)
        some = np.resize(x, (rows, 30))
        cpu, wanted = best(lambda shap=shap, some=some: shap.values(some))  # type: ignore[misc]
        spent, found = best(lambda shap=shap, some=some: values(shap, some, gpu))  # type: ignore[misc]
        yield Line(
            f"{count} trees of depth 6, {rows:,} rows, {name}",
            cpu,
            spent,
            float(np.abs(found - wanted).max() / np.abs(wanted).max()),
        )


def resampling(gpu: Arrays, rows: int, draws: int) -> Iterator[Line]:
    """The exact matrix product behind intervals of importances."""
    source = np.random.default_rng(0)
    counts = source.poisson(1.0, size=(draws, rows)).astype(np.float64)
    size = source.integers(0, 1 << 30, (rows, 200)).astype(np.float64)
    made = []
    for place in (processor(), gpu):
        made.append(
            best(
                lambda place=place: place.hand_out(  # type: ignore[misc]
                    place.xp.matmul(place.hand_in(counts), place.hand_in(size))
                )
            )
        )
    (cpu, wanted), (spent, found) = made
    yield Line(
        f"{draws:,} resamples of {rows:,} rows × 200 features",
        cpu,
        spent,
        float(np.abs(found - wanted).max()),
    )


def versions() -> str:
    found = []
    for name in ("numpy", "torch", "cupy", "onnxruntime", "onnxruntime-gpu", "xgboost-cpu"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(found)}"


def page(gpu: Arrays, lines: list[Line], tests: str) -> str:
    head = [
        f"Measured on {gpu.name} through {gpu.library}, {versions()};",
        f"the processor with all of its threads. {tests}",
        "",
        "| what | processor | GPU | ratio | largest difference, relative |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *(line.markdown() for line in lines)])


def tested() -> str:
    """Run the GPU tests; their last line."""
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "tests/gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()[-200:]
    if done.returncode:
        raise SystemExit(f"The GPU tests do not pass: {last}")
    return f"Tests: {last.strip('= ')}."


def main(words: list[str]) -> int:
    rehearsal = "--rehearse" in words
    gpu = _stand_in() if rehearsal else _real()
    tests = "A rehearsal." if rehearsal else tested()
    rows, count = (40, 10) if rehearsal else (100_000, 500)
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            *black_boxes(gpu, Path(folder), 20 if rehearsal else 2_000),
            *trees(gpu, Path(folder), rows, count),
            *resampling(gpu, rows // 10, 100 if rehearsal else 1_000),
        ]
    found = page(gpu, lines, tests)
    sys.stdout.write(found + "\n")
    if not rehearsal:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{rest.partition(END)[2]}")
    return 0


def _real() -> Arrays:
    from apps.engine.device import arrays
    from apps.engine.errors import BadInput

    try:
        with using(device="cuda"):
            return arrays()
    except BadInput as problem:
        raise SystemExit(str(problem)) from problem


def _stand_in() -> Arrays:
    from tests.engine.strict import strict

    return strict("a stand-in")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
