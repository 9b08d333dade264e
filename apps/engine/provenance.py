"""Whose scores a number rests on: ours, those of a service that was asked, or those that were handed in.

========== =================================================================================
governed   computed by the workers from files that are known by digest
asked      computed by the workers from scores that a service outside gave when it was asked
supplied   computed from scores that came in a file, or handed in as a number
========== =================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Provenance = Literal["governed", "asked", "supplied"]
_OF_SCORES = frozenset({"score", "predicted", "selected", "score_column", "model", "roles", "twin"})
_BY_FORMAT: Mapping[str, Provenance] = {"endpoint": "asked", "batch": "supplied"}


def provenance_of(format: str, needs: Sequence[str], arguments: Mapping[str, Any]) -> Provenance:
    """The word for a number of a check with these needs, of a model of this format.

    Examples
    --------
    >>> provenance_of("endpoint", ["score", "label"], {}), provenance_of("endpoint", ["columns"], {})
    ('asked', 'governed')
    >>> provenance_of("onnx", ["score", "twin?"], {"against": "endpoint"})
    'asked'
    """
    read = {need.removesuffix("?").removeprefix("reference_") for need in needs}
    if not read & _OF_SCORES:
        return "governed"
    if format in _BY_FORMAT:
        return _BY_FORMAT[format]
    return "asked" if arguments.get("against") == "endpoint" else "governed"
