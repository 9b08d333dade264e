"""What several processes of the web count together: a folder, and the files of those long gone."""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_KEPT_SECONDS = 24 * 3600.0


def count_together() -> Path:
    """Make the folder, name it, and sweep what processes left that wrote nothing for a day."""
    place = Path(os.environ.setdefault(FOLDER, str(settings.PLACES.state / "metrics")))
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in place.glob("*.db"):
        if time.time() - file.stat().st_mtime > _KEPT_SECONDS:
            file.unlink(missing_ok=True)
    return place
