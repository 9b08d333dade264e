"""Transcripts in a pack: what a scoring service was asked and answered, under the digest in the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apps.engine.verify_pack_files import PackFault

FOLDER: Final = "transcripts/"


def transcripts(manifest: Mapping[str, Any], statements: Mapping[str, Mapping[str, Any]]) -> str:
    """How many of those that evidence names are there; PackFault for one that is not what it is called.

    Examples
    --------
    >>> transcripts({"files": []}, {})
    '0 of 0 that evidence names'
    """
    named = {name for statement in statements.values() if (name := _named(statement))}
    here = {e["path"]: e["sha256"] for e in manifest["files"] if e["path"].startswith(FOLDER)}
    for path, sha256 in sorted(here.items()):
        if path != FOLDER + sha256:
            raise PackFault("It is called otherwise than by the digest of its bytes.", path)
        if f"sha256:{sha256}" not in named:
            raise PackFault("No evidence of the pack names this transcript.", path)
    return f"{len(here)} of {len(named)} that evidence names"


def _named(statement: Mapping[str, Any]) -> str:
    asked = statement["predicate"].get("endpoint")
    found = asked.get("transcript") if isinstance(asked, Mapping) else None
    evidence = "/evidence/" in str(statement["predicateType"])
    return found if evidence and isinstance(found, str) else ""
