from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_initial"),
        ("audit", "0002_walls"),
    ]

    operations = [
        append_only("reports_report"),
        append_only("reports_reportchart"),
        append_only("reports_reportsignature"),
    ]
