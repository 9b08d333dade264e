from __future__ import annotations

from tests.standing import standing_bank, world

__all__ = ["standing_bank", "world"]
