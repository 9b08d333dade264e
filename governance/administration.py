from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class GovernedAdminConfig(AdminConfig):
    """The Django admin behind the doors of `apps.access`: roles decide, not Django's own flags."""

    default_site = "apps.access.site.GovernedSite"
