from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apps.api.views.watching import metrics
from governance.outage import failed

handler500 = failed

urlpatterns: list[URLPattern | URLResolver] = [path("admin/", admin.site.urls)]
if find_spec("apps.api.urls"):
    urlpatterns.append(path("api/v1/", include("apps.api.urls")))
    urlpatterns.append(path("hooks/", include("apps.api.hooks.urls")))
    urlpatterns.append(path("scim/v2/", include("apps.api.scim.urls")))
    # Where Prometheus looks by itself; the same rules as below the API.
    urlpatterns.append(path("metrics", metrics))
if find_spec("apps.web.urls"):
    urlpatterns.append(path("", include("apps.web.urls")))
