"""Run a program from a small process and tell what it took; the peak of a large parent must not count."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time


def main(limit: float, words: list[str]) -> None:
    """Run the words, `limit` seconds at most if not 0; tell on standard error what it took."""
    began = time.perf_counter()
    pid = os.posix_spawnp(words[0], words, os.environ)
    if limit:
        clock = threading.Timer(limit, os.kill, (pid, signal.SIGKILL))
        clock.daemon = True
        clock.start()
    _, status, used = os.wait4(pid, 0)
    told = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }
    sys.stderr.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
