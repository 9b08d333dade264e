from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import lifecycle
from apps.inventory.states import CONVERSION_MOVES, ConversionState


class Migration(migrations.Migration):
    """Conversions are done by workers; the row is the job."""

    dependencies = [
        ("inventory", "0005_conversions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversionJob",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("asked_at", models.DateTimeField(auto_now_add=True)),
                (
                    "state",
                    models.CharField(
                        choices=[(s, s) for s in ConversionState],
                        default=ConversionState.QUEUED,
                        max_length=20,
                    ),
                ),
                ("fence", models.BigIntegerField(default=0)),
                ("lost", models.PositiveSmallIntegerField(default=0)),
                ("owner", models.CharField(blank=True, max_length=200)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("cause", models.TextField(blank=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "conversion",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="job",
                        to="inventory.conversion",
                    ),
                ),
                (
                    "opening",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="jobs",
                        to="inventory.conversionopening",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_until__isnull", False), ("state", "running")),
                            models.Q(
                                models.Q(("state", "running"), _negated=True), ("lease_until__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="conversion_leased_while_running",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "refused"), _negated=True),
                            models.Q(("cause", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="conversion_says_its_cause",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("conversion__isnull", False), ("state", "converted")),
                            models.Q(
                                models.Q(("state", "converted"), _negated=True), ("conversion__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="conversion_names_what_came",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "refused"), _negated=True),
                        fields=("opening",),
                        name="conversion_asked_once",
                    ),
                ],
            },
        ),
        lifecycle("inventory_conversionjob", "state", CONVERSION_MOVES),
    ]
