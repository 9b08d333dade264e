from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    """What feeds what, as people and systems tell it."""

    dependencies = [
        ("inventory", "0008_documents_and_vendors"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LineageEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("source", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=300)),
                ("digest", models.CharField(max_length=71)),
                ("about", models.JSONField(default=dict)),
                ("happened_at", models.DateTimeField(null=True)),
                ("stated_at", models.DateTimeField(auto_now_add=True)),
                (
                    "stated_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-stated_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="LineageNode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("model_version", "model_version"),
                            ("dataset", "dataset"),
                            ("feature", "feature"),
                            ("job", "job"),
                            ("run", "run"),
                            ("endpoint", "endpoint"),
                        ],
                        max_length=20,
                    ),
                ),
                ("namespace", models.CharField(blank=True, max_length=200)),
                ("name", models.CharField(max_length=300)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("noted_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "indexes": [models.Index(fields=["name", "label"], name="lineage_node_named")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "namespace", "name", "label"), name="lineage_node_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LineageEdge",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("trains", "trains"),
                            ("tests", "tests"),
                            ("derives", "derives"),
                            ("feeds", "feeds"),
                            ("read_by", "read_by"),
                            ("writes", "writes"),
                            ("starts", "starts"),
                            ("served_at", "served_at"),
                        ],
                        max_length=20,
                    ),
                ),
                ("holds", models.BooleanField(default=True)),
                ("closes_cycle", models.BooleanField(default=False)),
                ("source", models.CharField(max_length=200)),
                ("reason", models.TextField(blank=True)),
                ("stated_at", models.DateTimeField(auto_now_add=True)),
                (
                    "stated_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="edges",
                        to="inventory.lineageevent",
                    ),
                ),
                (
                    "downstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="fed_by",
                        to="inventory.lineagenode",
                    ),
                ),
                (
                    "upstream",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="feeds",
                        to="inventory.lineagenode",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddConstraint(
            model_name="lineageevent",
            constraint=models.UniqueConstraint(
                fields=("stated_by", "source", "key"), name="lineage_event_once"
            ),
        ),
        migrations.AddIndex(
            model_name="lineageedge",
            index=models.Index(fields=["upstream", "downstream", "kind", "id"], name="lineage_down"),
        ),
        migrations.AddIndex(
            model_name="lineageedge",
            index=models.Index(fields=["downstream", "upstream"], name="lineage_up"),
        ),
        migrations.AddConstraint(
            model_name="lineageedge",
            constraint=models.CheckConstraint(
                condition=models.Q(("upstream", models.F("downstream")), _negated=True), name="lineage_of_two"
            ),
        ),
        migrations.AddConstraint(
            model_name="lineageedge",
            constraint=models.CheckConstraint(
                condition=models.Q(("holds", True), models.Q(("reason", ""), _negated=True), _connector="OR"),
                name="lineage_ended_says_why",
            ),
        ),
        append_only("inventory_lineagenode"),
        append_only("inventory_lineageevent"),
        append_only("inventory_lineageedge"),
    ]
