from __future__ import annotations

from django.urls import path, re_path

from apps.api.scim import views
from apps.api.scim.views import answers

urlpatterns = [
    path("ServiceProviderConfig", answers(get=views.show_provider)),
    path("ResourceTypes", answers(get=views.list_types)),
    path("ResourceTypes/<str:uid>", answers(get=views.show_type)),
    path("Schemas", answers(get=views.list_schemas)),
    path("Schemas/<str:uid>", answers(get=views.show_schema)),
    path(".search", answers(post=views.search)),
    path("Users/.search", answers(post=views.search_users)),
    path("Groups/.search", answers(post=views.search_groups)),
    path("Users", answers(get=views.list_users, post=views.make_user)),
    path(
        "Users/<str:uid>",
        answers(get=views.show_user, put=views.put_user, patch=views.patch_user, delete=views.remove_user),
    ),
    path("Groups", answers(get=views.list_groups, post=views.make_group)),
    path(
        "Groups/<str:uid>",
        answers(
            get=views.show_group, put=views.put_group, patch=views.patch_group, delete=views.remove_group
        ),
    ),
    re_path(
        r"^[\s\S]*$",
        answers(
            get=views.nothing,
            post=views.nothing,
            put=views.nothing,
            patch=views.nothing,
            delete=views.nothing,
        ),
    ),
]
