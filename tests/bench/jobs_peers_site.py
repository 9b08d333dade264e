"""Jobs: the usual way to build a service: Django REST framework with tokens, django-guardian for permissions.

Everything is made inside functions, as the settings of such a site must be there before its first model is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from tests.bench.registry import peer

DECISIONS, UNITS = 2_000, 200


@cache
def site() -> SimpleNamespace:
    """Settings, and the models of a small registry with decisions."""
    import django
    from django.conf import settings

    place = {key: os.environ.get(f"PG{key}", "") for key in ("HOST", "PORT", "USER", "PASSWORD")}
    apps = ("contenttypes", "auth")
    settings.configure(
        SECRET_KEY="only-for-measurements",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.bench.jobs_peers_site_urls",
        INSTALLED_APPS=[*(f"django.contrib.{app}" for app in apps), "rest_framework.authtoken", "guardian"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": os.environ["PGDATABASE"],
                "CONN_MAX_AGE": None,
                **place,
            }
        },
        AUTHENTICATION_BACKENDS=["guardian.backends.ObjectPermissionBackend"],
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "authtoken", "guardian")),
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ANONYMOUS_USER_NAME=None,
        REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
    )
    django.setup()
    return _models()


def _models() -> SimpleNamespace:
    from django.db import models

    class Decision(models.Model):
        version = models.BigIntegerField()
        digest = models.CharField(max_length=80, unique=True)
        outcome = models.CharField(max_length=10)
        policy_version = models.IntegerField()
        gates = models.JSONField()
        decided_at = models.DateTimeField(auto_now_add=True)

        class Meta:
            app_label = "registry"

    class Unit(models.Model):
        name = models.CharField(max_length=60)

        class Meta:
            app_label = "registry"

    class Listed(models.Model):
        key = models.CharField(max_length=200, unique=True)
        title = models.CharField(max_length=300)
        purpose = models.TextField()
        limitations = models.TextField()
        kind = models.CharField(max_length=20)
        domain = models.CharField(max_length=80)
        jurisdictions = models.JSONField()
        vendor = models.BooleanField(default=False)
        exposure_eur = models.DecimalField(max_digits=18, decimal_places=2, null=True)
        unit = models.ForeignKey(Unit, on_delete=models.CASCADE)
        owner = models.ForeignKey("auth.User", on_delete=models.CASCADE)
        registered_at = models.DateTimeField(auto_now_add=True)

        class Meta:
            app_label = "registry"

    return SimpleNamespace(Decision=Decision, Unit=Unit, Listed=Listed, **_facts(Listed))


def _facts(listed: Any) -> dict[str, Any]:
    """What is said of a model again and again, the newest of which a list shows."""
    from django.db import models

    class Tiered(models.Model):
        model = models.ForeignKey(listed, on_delete=models.CASCADE)
        tier = models.SmallIntegerField()

        class Meta:
            app_label = "registry"

    class Released(models.Model):
        model = models.ForeignKey(listed, on_delete=models.CASCADE)
        label = models.CharField(max_length=120)

        class Meta:
            app_label = "registry"

    return {"Tiered": Tiered, "Released": Released}


def application() -> Any:
    """For gunicorn: one view, as a tutorial writes it."""
    held = site()
    import django.urls
    from django.core.wsgi import get_wsgi_application
    from rest_framework import serializers
    from rest_framework.authentication import TokenAuthentication
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Serialized(serializers.ModelSerializer):
        class Meta:
            model = held.Decision
            fields = ["id", "version", "digest", "outcome", "policy_version", "gates", "decided_at"]

    class Show(APIView):
        authentication_classes = [TokenAuthentication]
        permission_classes = [IsAuthenticated]

        def get(self, request: Any, digest: str) -> Any:
            return Response(Serialized(held.Decision.objects.get(digest=digest)).data)

    import sys
    from types import ModuleType

    urls = ModuleType("tests.bench.jobs_peers_site_urls")
    urls.urlpatterns = [django.urls.path("decisions/<str:digest>", Show.as_view())]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls
    return get_wsgi_application()


@peer("djangorestframework", "django", "gunicorn")
def site_fill() -> dict[str, Any]:
    """Tables, decisions of twelve gates each, and a token."""
    held = site()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from rest_framework.authtoken.models import Token

    call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.schema_editor() as editor:
        for model in (held.Decision, held.Unit, held.Listed, held.Tiered, held.Released):
            editor.create_model(model)
    gates = {f"gate_{k}": {"value": 0.8 + k / 100, "limit": 0.8, "ci": [0.79, 0.91]} for k in range(12)}
    rows = [
        held.Decision(version=i, digest=digest_of(i), outcome="allow", policy_version=7, gates=gates)
        for i in range(DECISIONS)
    ]
    held.Decision.objects.bulk_create(rows, batch_size=1000)
    return {"token": Token.objects.create(user=User.objects.create_user("caller")).key}


def digest_of(number: int) -> str:
    """The digest of a decision."""
    return f"sha256:{number:064x}"


def _readable(person: Any) -> Any:
    """Models that a person may read, with what a list shows of them, as the manuals say it is done."""
    held = site()
    from django.db.models import OuterRef, Subquery
    from guardian.shortcuts import get_objects_for_user

    def newest(rows: Any, column: str) -> Any:
        return Subquery(rows.objects.filter(model=OuterRef("pk")).order_by("-id").values(column)[:1])

    rows = get_objects_for_user(person, "registry.read_listed", klass=held.Listed)
    shown = rows.annotate(tier=newest(held.Tiered, "tier"), newest=newest(held.Released, "label"))
    return shown.select_related("unit", "owner").order_by("key")


def _readers() -> list[Any]:
    from django.contrib.auth.models import User

    return list(User.objects.filter(username__startswith="reader").order_by("id"))


@peer("django-guardian", "django")
def guardian_page() -> dict[str, Any]:
    """The first fifty models that a person may read, by a permission on each of a fifth of them."""
    site()
    return _each(lambda person: len(list(_readable(person)[:50])), _readers())


@peer("django-guardian", "django")
def guardian_check() -> dict[str, Any]:
    """Whether a person, asked about for the first time, may read one model that they may."""
    held, readers = site(), _readers()
    last = {row.unit_id % 5: row for row in held.Listed.objects.order_by("-id")[:UNITS]}
    assert readers[0].has_perm("registry.read_listed", last[0])

    def check(person: Any) -> int:
        number = readers.index(person)
        return int(person.has_perm("registry.read_listed", last[-number % 5]))

    return _each(check, readers)


@peer("django-guardian", "django")
def guardian_fill(models: str, people: str) -> dict[str, Any]:
    """Models of two hundred units, and readers with a permission on each model of forty of them."""
    held = site()
    from django.contrib.auth.models import Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection

    units = held.Unit.objects.bulk_create([held.Unit(name=f"unit {i}") for i in range(UNITS)])
    owner = User.objects.create(username="owner", first_name="Owner")
    rows = [
        held.Listed(
            key=f"model-{i:06}",
            title=f"Model {i:06}",
            purpose="Decides on consumer loans.",
            kind="classifier",
            domain="credit",
            jurisdictions=["US"],
            unit=units[i % UNITS],
            owner=owner,
        )
        for i in range(int(models))
    ]
    held.Listed.objects.bulk_create(rows, batch_size=5000)
    held.Tiered.objects.bulk_create(
        (held.Tiered(model=row, tier=1 + n % 4) for n, row in enumerate(rows)), batch_size=5000
    )
    held.Released.objects.bulk_create((held.Released(model=row, label="1") for row in rows), batch_size=5000)
    readers = User.objects.bulk_create([User(username=f"reader-{i}") for i in range(int(people))])
    kind = ContentType.objects.get_for_model(held.Listed)
    right = Permission.objects.create(codename="read_listed", name="read", content_type=kind)
    with connection.cursor() as cursor:
        for number, reader in enumerate(readers):
            cursor.execute(
                "INSERT INTO guardian_userobjectpermission (permission_id, content_type_id, object_pk, "
                "user_id) SELECT %s, %s, id::text, %s FROM registry_listed WHERE (unit_id + %s) %% 5 = 0",
                [right.pk, kind.pk, reader.pk, number],
            )
        cursor.execute("ANALYZE")
    return {"readers": len(readers)}


def _each(work: Callable[[Any], int], people: list[Any]) -> dict[str, Any]:
    """The median over people after a few that do not count."""
    from tests.bench.measuring import median

    taken = []
    for person in [*people[:5], *people]:
        began = time.perf_counter()
        found = work(person)
        taken.append(time.perf_counter() - began)
    return {"seconds": median(taken[5:]), "found": found}


@peer("djangorestframework", "django-guardian", "django")
def drf_list(count: str, rounds: str) -> dict[str, Any]:
    """So many models that somebody may read as JSON by a ModelSerializer, with the same fields as ours."""
    held, reader = site(), _readers()[0]
    from rest_framework import serializers
    from rest_framework.renderers import JSONRenderer

    from tests.bench.measuring import seconds_of

    class Owner(serializers.Serializer):
        username = serializers.CharField()
        name = serializers.CharField(source="first_name")

    class Serialized(serializers.ModelSerializer):
        unit = serializers.CharField(source="unit.name", read_only=True)
        owner = Owner(read_only=True)
        tier = serializers.IntegerField(read_only=True)

        class Meta:
            model = held.Listed
            fields = [
                *("key", "title", "purpose", "limitations", "kind", "domain", "jurisdictions", "vendor"),
                *("exposure_eur", "unit", "owner", "tier", "registered_at"),
            ]

    def way() -> bytes:
        rows = _readable(reader)[: int(count)]
        return bytes(JSONRenderer().render(Serialized(rows, many=True).data))

    return {"seconds": seconds_of(way, int(rounds)), "bytes": len(way())}
