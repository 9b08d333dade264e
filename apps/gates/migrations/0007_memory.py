from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gates", "0006_presence")]

    operations = [
        migrations.AddField("run", "memory_bytes", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddField(
            "run", "memory_check", models.CharField(blank=True, db_default="", default="", max_length=120)
        ),
    ]
