from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import apps.reports.states
from apps.audit.sql import append_only

KINDS = [(kind, kind) for kind in apps.reports.states.ReportKind]


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0002_walls"),
        ("reports", "0003_signing"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReportRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=KINDS, max_length=20)),
                ("scope", models.JSONField(default=dict)),
                ("asked_at", models.DateTimeField()),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("version", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.modelversion")),
            ],
            options={"ordering": ["-asked_at"]},
        ),
        migrations.CreateModel(
            name="ReportRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("why", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                ("request", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="refusal", to="reports.reportrequest")),
            ],
        ),
        migrations.AddField(
            model_name="report",
            name="page",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.blob"),
        ),
        migrations.AddField(
            model_name="report",
            name="request",
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="report", to="reports.reportrequest"),
        ),
        append_only("reports_reportrequest"),
        append_only("reports_reportrefusal"),
    ]
