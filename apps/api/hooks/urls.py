from __future__ import annotations

from django.urls import path

from apps.api.hooks import kubernetes, receiving

urlpatterns = [
    path("kubernetes/<uuid:integration_id>", kubernetes.review),
    path("gatekeeper/<uuid:integration_id>", kubernetes.provide),
    path("<slug:kind>/<uuid:integration_id>", receiving.deliver),
]
