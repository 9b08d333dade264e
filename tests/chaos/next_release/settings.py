"""The service's settings and one app more, as the next release may have."""

from __future__ import annotations

from governance.settings import *  # noqa: F403
from governance.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.next_release"]
