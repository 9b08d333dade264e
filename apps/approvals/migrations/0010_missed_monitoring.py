from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

OLD = (
    "id",
    "model_id",
    "version_id",
    "decision_id",
    "gate",
    "title",
    "detail",
    "severity",
    "opened_by_id",
    "opened_at",
)
NEW = (*OLD, "schedule_id", "missed_at")


def stands(columns: tuple[str, ...]) -> str:
    """A finding moves along its lifecycle; of these columns it keeps what was opened."""
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW"))
    return f"""
    DROP TRIGGER finding_stands ON approvals_finding;
    CREATE TRIGGER finding_stands BEFORE UPDATE ON approvals_finding FOR EACH ROW
      WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION approvals_finding_stands();
    ALTER TABLE approvals_finding ENABLE ALWAYS TRIGGER finding_stands;
    """


class Migration(migrations.Migration):
    """Monitoring that did not happen opens a finding, once for each time."""

    dependencies = [("approvals", "0004_challenges"), ("gates", "0005_partitions")]

    operations = [
        migrations.AddField(
            model_name="finding",
            name="schedule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="findings",
                to="gates.schedule",
            ),
        ),
        migrations.AddField(
            model_name="finding", name="missed_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.UniqueConstraint(
                fields=("schedule", "missed_at"), name="one_finding_per_missed_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("missed_at__isnull", True), ("schedule__isnull", True)),
                    models.Q(("missed_at__isnull", False), ("schedule__isnull", False)),
                    _connector="OR",
                ),
                name="finding_missed_paired",
            ),
        ),
        migrations.RunSQL(stands(NEW), stands(OLD)),
    ]
