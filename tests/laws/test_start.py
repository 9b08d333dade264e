"""What may be loaded when a process starts: the web computes nothing, the program is there at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "lightgbm",
    "numba",
    "numpy",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "scipy",
    "shap",
    "skops",
    "sklearn",
)
DRAWING = ("pyhanko", "weasyprint", "xgboost")


def _loaded(statement: str, *names: str) -> list[str]:
    code = f"{statement}\nimport sys\nprint(*[n for n in {names!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.slow
def test_the_web_loads_no_numeric_and_no_drawing_library():
    start = "import governance.wsgi\nfrom django.urls import get_resolver\nget_resolver().url_patterns"
    assert _loaded(start, *HEAVY, *DRAWING) == []


_PROGRAM = """
import contextlib, io
from apps.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({words!r})
"""


@pytest.mark.parametrize("words", [["--help"], ["catalogue"]])
def test_the_program_starts_without_numeric_libraries_and_django(words: list[str]):
    start = _PROGRAM.format(words=words)
    assert _loaded(start, *HEAVY, *DRAWING, "django", "celery", "psycopg") == []
