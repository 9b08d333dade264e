"""The separate verifier as a module of tests: from its own folder, without installing it."""

from __future__ import annotations

import sys
from pathlib import Path

_FOLDER = str(Path(__file__).parents[2] / "verifier")
if _FOLDER not in sys.path:
    sys.path.append(_FOLDER)

from countersign_verify import withdrawn  # noqa: E402 - its folder is known only now
from countersign_verify.cli import main as verifier  # noqa: E402

__all__ = ["verifier", "withdrawn"]
