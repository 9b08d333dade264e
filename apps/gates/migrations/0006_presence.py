from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Workers say that they are here, and for which lanes, also while they have nothing to do."""

    dependencies = [("gates", "0005_partitions")]

    operations = [
        migrations.CreateModel(
            name="Presence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                ("lanes", models.JSONField()),
                ("processes", models.PositiveSmallIntegerField()),
                ("begun_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={"ordering": ["name"]},
        ),
    ]
