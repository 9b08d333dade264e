from __future__ import annotations

from tests.standing import standing_bank, world
from tests.web.site import chromium, site, visitor

__all__ = ["chromium", "site", "standing_bank", "visitor", "world"]
