import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

from apps.audit.sql import APP, READER, SEQUENCER, append_only, grant

SAME_PERSON = """
ALTER TABLE audit_holdrelease ADD CONSTRAINT audit_hold_same_person
  FOREIGN KEY (hold_id, placed_by) REFERENCES audit_legalhold (id, placed_by);
"""
TABLES = ("audit_legalhold", "audit_holdrelease")


def _rights() -> str:
    rights = {APP: "SELECT, INSERT", SEQUENCER: "", READER: "SELECT"}
    return "\n".join(
        [f"REVOKE ALL ON {table} FROM PUBLIC;" for table in TABLES]
        + [grant(role, given, table) for table in TABLES for role, given in rights.items()]
    )


class Migration(migrations.Migration):
    """Legal holds and their releases: facts, released by another person than who placed them."""

    dependencies = [("audit", "0004_keys_and_names")]

    operations = [
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("model", models.TextField(blank=True)),
                ("first_day", models.DateField(null=True)),
                ("last_day", models.DateField(null=True)),
                ("reason", models.TextField()),
                ("placed_by", models.TextField()),
                ("placed_at", models.DateTimeField()),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
            ],
            options={
                "ordering": ["-placed_at"],
                "constraints": [
                    models.UniqueConstraint(fields=["id", "placed_by"], name="audit_hold_of_one"),
                    models.CheckConstraint(
                        condition=Q(first_day__isnull=True, last_day__isnull=True)
                        | Q(first_day__isnull=False, last_day__isnull=False, last_day__gte=F("first_day")),
                        name="audit_hold_has_both_days",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HoldRelease",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("placed_by", models.TextField()),
                ("reason", models.TextField()),
                ("released_by", models.TextField()),
                ("released_at", models.DateTimeField()),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                (
                    "hold",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="release",
                        to="audit.legalhold",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=~Q(released_by=F("placed_by")), name="audit_hold_released_by_another"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            SAME_PERSON, "ALTER TABLE audit_holdrelease DROP CONSTRAINT audit_hold_same_person"
        ),
        *(append_only(table) for table in TABLES),
        migrations.RunSQL(_rights(), migrations.RunSQL.noop),
    ]
