from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    """A data set may be a folder of parts; each part is a fact."""

    dependencies = [("inventory", "0003_scope_and_tiers")]

    operations = [
        migrations.CreateModel(
            name="DataPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                (
                    "blob",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.blob"
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parts",
                        to="inventory.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ["dataset", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("dataset", "name"), name="part_once_per_dataset")
                ],
            },
        ),
        append_only("inventory_datapart"),
    ]
