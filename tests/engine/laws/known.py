"""What these laws found and is not mended yet: check, case, and the sentence that should stand there.

Every entry is a strict expected failure: one that is mended fails here until its line goes.
"""

from __future__ import annotations

from collections.abc import Mapping

KNOWN: Mapping[tuple[str, str], str] = {}
