import django.db.models.deletion
from django.db import migrations, models

import apps.audit.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("note", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-size"],
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level", "idx", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("idx", models.BigIntegerField()),
                ("hash", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("body", models.BinaryField()),
                (
                    "leaf_hash",
                    models.GeneratedField(
                        db_persist=True,
                        expression=apps.audit.models.LeafHash("body"),
                        output_field=models.BinaryField(),
                    ),
                ),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField(editable=False, null=True)),
                ("doc", models.JSONField(editable=False, null=True)),
                ("action", models.TextField(editable=False)),
                ("actor_type", models.TextField(editable=False)),
                ("actor_id", models.TextField(editable=False)),
                ("object_type", models.TextField(editable=False)),
                ("object_id", models.TextField(editable=False)),
            ],
            options={
                "ordering": ["-occurred_at", "-id"],
                "indexes": [
                    models.Index(
                        fields=["object_type", "object_id", "occurred_at"], name="audit_event_object"
                    ),
                    models.Index(fields=["actor_id", "occurred_at"], name="audit_event_actor"),
                    models.Index(fields=["action", "occurred_at"], name="audit_event_action"),
                    models.Index(fields=["-occurred_at", "-id"], name="audit_event_newest"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Pending",
            fields=[
                ("enq", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="pending", to="audit.event"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("key_id", models.CharField(max_length=71, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("statement", "statement"), ("checkpoint", "checkpoint")], max_length=20
                    ),
                ),
                ("public", models.BinaryField()),
                ("valid_from", models.DateTimeField()),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="audit.event"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("digest", models.CharField(max_length=71, primary_key=True, serialize=False)),
                ("predicate_type", models.TextField(db_index=True)),
                ("subjects", models.JSONField()),
                ("payload", models.BinaryField()),
                ("envelope", models.BinaryField()),
                ("key_id", models.CharField(max_length=71)),
                ("signed_at", models.DateTimeField()),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="audit.event",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TreeState",
            fields=[
                ("k", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("size", models.BigIntegerField(default=0)),
                ("frontier", models.BinaryField(default=b"")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("k", 1)), name="audit_tree_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("idx", models.BigIntegerField(primary_key=True, serialize=False)),
                ("leaf_hash", models.BinaryField()),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="leaf", to="audit.event"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("idx__gte", 0)), name="audit_leaf_from_zero")
                ],
            },
        ),
        migrations.CreateModel(
            name="Personal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("part", models.TextField()),
                ("person_id", models.TextField(db_index=True)),
                ("salt", models.BinaryField()),
                ("value", models.BinaryField()),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="personal", to="audit.event"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("event", "part"), name="audit_personal_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyEnd",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("revoked", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="audit.event"
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ends",
                        to="audit.signingkey",
                    ),
                ),
            ],
            options={
                "ordering": ["-revoked", "at"],
                "constraints": [
                    models.UniqueConstraint(fields=("key", "revoked"), name="audit_key_ends_once")
                ],
            },
        ),
    ]
