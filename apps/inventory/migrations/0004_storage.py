from __future__ import annotations

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only, refuse

# What stands in the store already: kept since it came, counted to the units whose versions name it.
FILL = """
INSERT INTO inventory_storedbytes (blob_id, kept_at) SELECT digest, stored_at FROM inventory_blob;
INSERT INTO inventory_unitbytes (unit_id, blob_id, since)
SELECT m.unit_id, named.blob_id, min(named.since)
FROM (
  SELECT id AS version_id, artifact_id AS blob_id, registered_at AS since
  FROM inventory_modelversion WHERE artifact_id IS NOT NULL
  UNION ALL
  SELECT version_id, blob_id, registered_at FROM inventory_dataset
  UNION ALL
  SELECT d.version_id, p.blob_id, d.registered_at
  FROM inventory_datapart p JOIN inventory_dataset d ON d.id = p.dataset_id
) named
JOIN inventory_modelversion v ON v.id = named.version_id
JOIN inventory_registeredmodel m ON m.id = v.model_id
GROUP BY m.unit_id, named.blob_id;
"""
EMPTY = "DROP TRIGGER written_once ON inventory_storedbytes;"


class Migration(migrations.Migration):
    """Uploads in pieces, what the store holds by now, quotas of units and of everybody."""

    dependencies = [
        ("inventory", "0006_data_parts"),
        ("audit", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StoredBytes",
            fields=[
                ("blob", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name="kept", serialize=False, to="inventory.blob")),
                ("kept_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bytes", models.BigIntegerField()),
                ("set_at", models.DateTimeField(auto_now_add=True)),
                ("set_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("unit", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="quotas", to="inventory.businessunit")),
            ],
            options={
                "ordering": ["-set_at", "-id"],
                "constraints": [models.CheckConstraint(condition=models.Q(("bytes__gte", 0)), name="quota_not_negative")],
            },
        ),
        migrations.CreateModel(
            name="UnitBytes",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("since", models.DateTimeField(auto_now_add=True)),
                ("blob", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="units", to="inventory.blob")),
                ("unit", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="stored", to="inventory.businessunit")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("unit", "blob"), name="bytes_once_per_unit")],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.CharField(max_length=71)),
                ("size", models.BigIntegerField()),
                ("media", models.CharField(blank=True, max_length=100)),
                ("received", models.BigIntegerField(default=0)),
                ("parts", models.JSONField(default=list)),
                ("begun_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("complete", models.BooleanField(default=False)),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("unit", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.businessunit")),
            ],
            options={
                "indexes": [models.Index(fields=["person", "digest"], name="upload_of_person")],
            },
        ),
        append_only("inventory_unitbytes"),
        append_only("inventory_quota"),
        migrations.RunSQL(refuse("inventory_storedbytes", "DELETE OR TRUNCATE"), EMPTY),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
