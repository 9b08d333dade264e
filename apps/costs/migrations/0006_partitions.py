from __future__ import annotations

from django.db import migrations, models

OUTCOMES = ("decided", "measured", "errored", "retried", "returned", "lost", "dead", "cancelled")


class Migration(migrations.Migration):
    """Each attempt at a partition of a run has an entry of its own, as each attempt at a run has."""

    dependencies = [("costs", "0005_exchange")]

    operations = [
        migrations.AddField(
            model_name="costentry",
            name="partition",
            field=models.UUIDField(null=True, db_default=None),
        ),
        migrations.RemoveConstraint(model_name="costentry", name="cost_once_per_attempt"),
        migrations.AddConstraint(
            model_name="costentry",
            constraint=models.UniqueConstraint(
                fields=["run", "partition", "fence"], nulls_distinct=False, name="cost_once_per_attempt"
            ),
        ),
        migrations.AlterField(
            model_name="costentry",
            name="outcome",
            field=models.CharField(
                choices=[(name, name) for name in OUTCOMES], default="decided", max_length=20
            ),
        ),
    ]
