from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gates", "0007_memory")]

    operations = [
        migrations.AddIndex(
            "decision",
            models.Index(fields=["version", "use", "purpose", "-decided_at", "-id"], name="decision_newest"),
        ),
    ]
