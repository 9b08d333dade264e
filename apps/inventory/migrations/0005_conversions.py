from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    """Files that can run code, converted once where an administrator opened that."""

    dependencies = [
        ("inventory", "0004_storage"),
        ("audit", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversionOpening",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.TextField()),
                ("findings", models.JSONField()),
                ("until", models.DateTimeField()),
                ("opened_at", models.DateTimeField(auto_now_add=True)),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                ("given", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="openings", to="inventory.blob")),
                ("opened_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-opened_at", "-id"]},
        ),
        migrations.CreateModel(
            name="Conversion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("format", models.CharField(max_length=20)),
                ("claimed", models.JSONField()),
                ("equivalence", models.JSONField()),
                ("converted_at", models.DateTimeField(auto_now_add=True)),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                ("converted_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("made", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="conversions", to="inventory.blob")),
                ("opening", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="conversion", to="inventory.conversionopening")),
            ],
            options={"ordering": ["-converted_at", "-id"]},
        ),
        append_only("inventory_conversionopening"),
        append_only("inventory_conversion"),
    ]
