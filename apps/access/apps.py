from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "apps.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        """The accounts first, then what refers to them."""
        super().import_models()
        import_module("apps.access.federation_models")
