"""Libraries without the parts of them that are never used here."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from apps.engine.process import is_ours


def imported(name: str, *, without: tuple[str, ...]) -> Any:
    """The package; in a process of ours it starts as if those of `without` were not installed.

    Boosting libraries import scikit-learn and pandas for wrappers around themselves, which costs more than
    a second of processor time. Where one of those is loaded already, nothing is left out.

    Examples
    --------
    >>> imported("json", without=("pandas",)).loads("[1]")
    [1]
    """
    unwanted = [part for part in without if part not in sys.modules]
    if not is_ours() or name in sys.modules or len(unwanted) < len(without):
        return import_module(name)
    hidden: dict[str, Any] = dict.fromkeys(unwanted)
    sys.modules.update(hidden)
    try:
        return import_module(name)
    finally:
        for part in unwanted:
            del sys.modules[part]
