from __future__ import annotations

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    name = "governance"
    label = "governance"

    def ready(self) -> None:
        # The application object must exist before a command sends a task by name.
        from governance import celery, checks  # noqa: F401 - the checks register themselves

        celery.app.set_default()
