"""The service's own settings over a site with one empty view: the floor under every request."""

from __future__ import annotations

from governance.settings import *  # noqa: F403 - all but what stands below

ROOT_URLCONF = "tests.bench.empty_site"
MIDDLEWARE: list[str] = []
