"""The README of a pack: what lies in it and how to check it on a machine that never saw the service."""

from __future__ import annotations

from pathlib import Path

from apps.reports.packs_scope import PackScope


def readme(scope: PackScope, place: str) -> bytes:
    """The README of one pack."""
    text = Path(__file__).with_suffix(".md").read_text("utf-8")
    return text.replace("{scope}", scope.name).replace("{place}", place).encode()
