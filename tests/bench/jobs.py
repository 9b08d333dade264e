"""`python -m tests.bench.jobs NAME [WORDS]` runs one job and prints one line of JSON.

Libraries are imported and inputs are read before a job's clock starts, unless a cold start is its point.
Peers run by the interpreter of .venv-bench, which has none of ours: every import of the product is in a job.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from pathlib import Path

from tests.bench.measuring import named
from tests.bench.registry import JOBS, PACKAGES


def known() -> None:
    """Import every module of jobs, so that they name themselves."""
    for path in sorted(Path(__file__).parent.glob("jobs_*.py")):
        import_module(f"tests.bench.{path.stem}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    known()
    said = JOBS[sys.argv[1]](*sys.argv[2:])
    print("\n" + json.dumps(said | {"peer": named(*PACKAGES.get(sys.argv[1], ()))}))
