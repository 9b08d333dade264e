"""What these laws found and is not mended yet: check, case, and the sentence that should stand there.

Every entry is a strict expected failure: one that is mended fails here until its line goes.
"""

from __future__ import annotations

from collections.abc import Mapping

CLASS = "A number from one class of labels must say so in a note."
KNOWN: Mapping[tuple[str, str], str] = {
    ("explainability.partial_dependence", "one row"): "A feature with one value has no curve.",
    ("explainability.partial_dependence", "all rows equal"): "A feature with one value has no curve.",
}
