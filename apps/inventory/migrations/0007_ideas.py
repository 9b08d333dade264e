from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    """What whoever opened a record said of it, before there was a version."""

    dependencies = [
        ("inventory", "0010_conversion_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Idea",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("use", models.CharField(blank=True, max_length=120)),
                ("answers", models.JSONField(default=dict)),
                ("shown", models.JSONField(default=list)),
                ("opened_at", models.DateTimeField(auto_now_add=True)),
                (
                    "model",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="idea",
                        to="inventory.registeredmodel",
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        append_only("inventory_idea"),
    ]
