"""`python -m tests.bench [--list] [--only NAME] [--full] [pytest options]`: measure, and write the page."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.measuring import ROOT
from tests.bench.table import RESULTS

HERE = Path(__file__).parent
# What others wait for comes first: a run that is stopped has measured it.
FIRST = ("groups", "ranking", "streaming", "trees", "blackbox", "drift", "evaluate", "policy", "start")


def names() -> list[str]:
    """What can be measured alone."""
    found = [path for path in HERE.glob("test_*.py") if "mark.bench" in path.read_text(encoding="utf-8")]
    there = sorted(path.stem.removeprefix("test_") for path in found)
    return [*(name for name in FIRST if name in there), *(name for name in there if name not in FIRST)]


def main(words: Sequence[str]) -> int:
    """Run pytest over what was chosen."""
    parser = argparse.ArgumentParser(prog="./countersign bench", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say what can be measured alone")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="one of those; may be repeated"
    )
    parser.add_argument(
        "--full", action="store_true", help="the largest sizes: 100 million rows, slow peers whole"
    )
    given, rest = parser.parse_known_args(words)
    if given.list:
        print("\n".join(names()))
        return 0
    wrong = sorted(set(given.only) - set(names()))
    if wrong:
        parser.error(f'there is no measurement "{wrong[0]}"; there is {", ".join(names())}')
    if not given.only and not rest:
        RESULTS.unlink(missing_ok=True)  # parts that are no longer measured do not stay
    files = [str(HERE / f"test_{name}.py") for name in given.only or names()]
    env = os.environ | ({"COUNTERSIGN_BENCH": "full"} if given.full else {})
    command = [sys.executable, "-m", "pytest", *files, "-m", "bench", "-s", "-p", "no:cacheprovider"]
    command += ["--durations=12", *rest]
    subprocess.run([sys.executable, "-m", "apps.engine.compile_kernels"], cwd=ROOT, check=False)
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
