"""The hostile files once more as an ordinary user: nothing is refused only because root could have done it.

The interpreter may lie where only root looks. In a mount namespace of its own that folder is covered by an
empty one that all may enter, and the interpreter is put back at its place; nothing outside is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER, PATIENCE_S = "61000", 1_500
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "COUNTERSIGN_TEST_BROKERS" not in os.environ, reason="a part of ./countersign test-all"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else; others are one already"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="this machine has no setpriv"),
]
# Words: what only root may enter (or nothing), the prefix of the interpreter, a folder of the user, the rest.
BECOME = """
set -e
closed=$1 prefix=$2 home=$3; shift 3
if [ -n "$closed" ]; then
  mkdir -p "$home/prefix"
  mount --bind "$prefix" "$home/prefix"
  mount -t tmpfs -o mode=755 tmpfs "$closed"
  mkdir -p "$prefix"
  mount --bind "$home/prefix" "$prefix"
fi
exec setpriv --reuid 61000 --regid 61000 --clear-groups env -i PATH=/usr/bin:/bin HOME="$home" \\
  TMPDIR="$home" PYTHONDONTWRITEBYTECODE=1 "$@"
"""


def closed_part(place: Path) -> str:
    """The uppermost folder on the way to a place that others may not enter; empty where they may."""
    for folder in reversed([place, *place.parents]):
        if not folder.stat().st_mode & 0o001:
            return str(folder)
    return ""


def as_ordinary_user(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    prefix = Path(sys.base_prefix).resolve()
    begin = ("unshare", "--mount", "sh", "-c", BECOME, "become")
    return subprocess.run(
        [*begin, closed_part(prefix), str(prefix), str(home), sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        cwd=ROOT,
    )


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the user's, outside those of the tests, which are root's alone."""
    made = Path(f"/tmp/hostile-{os.getpid()}")
    made.mkdir(mode=0o700)
    os.chown(made, int(USER), int(USER))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("name", sorted(file.name for file in (ROOT / "tests/hostile").glob("test_*.py")))
def test_hostile_files_are_refused_to_an_ordinary_user_too(home: Path, name: str) -> None:
    if closed_part(ROOT):
        pytest.skip("an ordinary user cannot read this checkout")
    who = as_ordinary_user(home, "-c", "import os; print(os.geteuid())")
    if "ermitted" in who.stderr:
        pytest.skip("this machine lets no mount namespace be made")
    assert who.stdout.strip() == USER, who.stderr
    tests = ("-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", f"tests/hostile/{name}")
    done = as_ordinary_user(home, *tests)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
