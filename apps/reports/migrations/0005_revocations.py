from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only
from apps.reports.states import Cause


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0004_documents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CertificateRevocation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("certificate_sha256", models.CharField(max_length=64, unique=True)),
                ("serial", models.CharField(max_length=40)),
                ("cause", models.CharField(choices=[(c, c) for c in Cause], max_length=20)),
                ("reason", models.CharField(max_length=500)),
                ("revoked_at", models.DateTimeField()),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("revoked_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-revoked_at"]},
        ),
        append_only("reports_certificaterevocation"),
    ]
