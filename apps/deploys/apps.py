from __future__ import annotations

from django.apps import AppConfig


class DeploysConfig(AppConfig):
    name = "apps.deploys"
    label = "deploys"
    default_auto_field = "django.db.models.BigAutoField"
