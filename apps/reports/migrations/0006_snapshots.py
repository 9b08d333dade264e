from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    dependencies = [("reports", "0005_revocations")]

    operations = [
        migrations.CreateModel(
            name="ReportSnapshot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                ("request", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="snapshot", to="reports.reportrequest")),
            ],
        ),
        append_only("reports_reportsnapshot"),
    ]
