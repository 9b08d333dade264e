"""A report's page: by the shipped template, or by a customer's own, from which nothing reaches out.

A customer's template sees what the report says and nothing else. It may include and extend files of its
folder; it can load no library, read no other file, and is bounded in size and time.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.template import Context, Engine
from django.template.loader import render_to_string

from apps.audit.errors import Refused

LARGEST_TEMPLATE, LARGEST_PAGE, PATIENCE_S = 256 << 10, 16 << 20, 20.0


def rendered(name: str, context: Mapping[str, Any]) -> str:
    """The page of a report as HTML."""
    folder = settings.REPORT_TEMPLATES
    if folder is None or not (folder / name).is_file():
        return render_to_string(f"reports/{name}", dict(context))
    try:
        with _within(PATIENCE_S):
            page = _engine(folder).get_template(name).render(Context(dict(context), autoescape=True))
    except Exception as error:  # somebody else's template may fail in any way
        told = f"The template {name} of the folder of templates cannot be used: {error}"
        raise Refused(told) from error
    if len(page) > LARGEST_PAGE:
        raise Refused(f"The template {name} makes a page of more than {LARGEST_PAGE >> 20} MiB.")
    return str(page)


def _engine(folder: Path) -> Engine:
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link; the folder of templates holds files only")
        if path.is_file() and path.stat().st_size > LARGEST_TEMPLATE:
            raise ValueError(f"{path.name} is larger than {LARGEST_TEMPLATE >> 10} KiB")
    return Engine(dirs=[str(folder)], app_dirs=False, libraries={}, autoescape=True, debug=False)


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """TimeoutError after so long; elsewhere than in a main thread the worker's own limit holds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"it takes longer than {seconds:.0f} s")

    former = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
