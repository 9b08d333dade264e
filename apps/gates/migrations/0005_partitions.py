from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.gates.states
from apps.audit.sql import append_only, lifecycle
from apps.gates.states import PARTITION_MOVES


class Migration(migrations.Migration):
    """Runs of data in parts are shared out over workers; costly hardware may wait for a person's yes."""

    dependencies = [
        ("gates", "0004_turns"),
        ("inventory", "0006_data_parts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="hardware",
            field=models.CharField(db_default="cpu", default="cpu", max_length=10),
        ),
        migrations.AddField(
            model_name="run",
            name="waits_for",
            field=models.CharField(
                blank=True,
                choices=[
                    (apps.gates.states.WaitsFor["PARTITIONS"], apps.gates.states.WaitsFor["PARTITIONS"]),
                    (apps.gates.states.WaitsFor["CONSENT"], apps.gates.states.WaitsFor["CONSENT"]),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="HardwareConsent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hardware", models.CharField(max_length=10)),
                ("granted", models.BooleanField()),
                ("reason", models.TextField()),
                ("given_at", models.DateTimeField(auto_now_add=True)),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                (
                    "given_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="consent", to="gates.run"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Partition",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("dataset", models.CharField(max_length=80)),
                ("number", models.PositiveSmallIntegerField()),
                ("parts", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            (
                                apps.gates.states.PartitionState["QUEUED"],
                                apps.gates.states.PartitionState["QUEUED"],
                            ),
                            (
                                apps.gates.states.PartitionState["RUNNING"],
                                apps.gates.states.PartitionState["RUNNING"],
                            ),
                            (
                                apps.gates.states.PartitionState["MEASURED"],
                                apps.gates.states.PartitionState["MEASURED"],
                            ),
                            (
                                apps.gates.states.PartitionState["FAILED"],
                                apps.gates.states.PartitionState["FAILED"],
                            ),
                        ],
                        default=apps.gates.states.PartitionState["QUEUED"],
                        max_length=20,
                    ),
                ),
                (
                    "lane",
                    models.CharField(
                        choices=[
                            (apps.gates.states.Lane["QUICK"], apps.gates.states.Lane["QUICK"]),
                            (apps.gates.states.Lane["HEAVY"], apps.gates.states.Lane["HEAVY"]),
                            (apps.gates.states.Lane["GPU"], apps.gates.states.Lane["GPU"]),
                            (apps.gates.states.Lane["QUARANTINE"], apps.gates.states.Lane["QUARANTINE"]),
                        ],
                        max_length=10,
                    ),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("lost", models.PositiveSmallIntegerField(default=0)),
                ("fence", models.BigIntegerField(default=0)),
                ("owner", models.CharField(blank=True, max_length=200)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("hints", models.PositiveIntegerField(default=0)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("rows", models.BigIntegerField(blank=True, null=True)),
                ("statement_digest", models.CharField(blank=True, max_length=71)),
                ("usage", models.JSONField(default=dict)),
                ("failure", models.CharField(blank=True, max_length=20)),
                ("cause", models.TextField(blank=True)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="partitions", to="gates.run"
                    ),
                ),
                (
                    "summary",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.blob",
                    ),
                ),
            ],
            options={
                "ordering": ["run", "dataset", "number"],
                "indexes": [models.Index(fields=["state", "published_at"], name="partition_waits")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "dataset", "number"), name="partition_once_per_run"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_until__isnull", False),
                                ("state", apps.gates.states.PartitionState["RUNNING"]),
                            ),
                            models.Q(
                                models.Q(
                                    ("state", apps.gates.states.PartitionState["RUNNING"]), _negated=True
                                ),
                                ("lease_until__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="partition_leased_while_running",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", apps.gates.states.PartitionState["MEASURED"]), _negated=True),
                            models.Q(
                                ("summary__isnull", False), models.Q(("statement_digest", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="partition_measured_has_summary",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", apps.gates.states.PartitionState["FAILED"]), _negated=True),
                            models.Q(("cause", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="partition_says_its_cause",
                    ),
                ],
            },
        ),
        lifecycle("gates_partition", "state", PARTITION_MOVES),
        append_only("gates_hardwareconsent"),
    ]
