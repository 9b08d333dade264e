from __future__ import annotations

from django.urls import path

from apps.api.hooks import receiving

urlpatterns = [
    path("<slug:kind>/<uuid:integration_id>", receiving.deliver),
]
