"""`python -m tests.bench.jobs NAME [WORDS]` runs one job and prints one line of JSON.

Libraries are imported and inputs are read before a job's clock starts, unless a cold start is its point.
"""

from __future__ import annotations

import json
import sys

from tests.bench import jobs_evaluate, jobs_measures, jobs_writing  # noqa: F401 - they name themselves
from tests.bench.registry import JOBS

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
