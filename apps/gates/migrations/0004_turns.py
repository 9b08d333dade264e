from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from apps.audit.sql import changed_moves
from apps.gates.states import RUN_MOVES

LANES = [(lane, lane) for lane in ("quick", "heavy", "gpu", "quarantine")]

# Runs that still wait or may wait again take their turn with the others of their unit.
UNITS = """
UPDATE gates_run run SET unit_key = unit.key
FROM inventory_modelversion version
JOIN inventory_registeredmodel model ON model.id = version.model_id
JOIN inventory_businessunit unit ON unit.id = model.unit_id
WHERE version.id = run.version_id AND run.state IN ('queued', 'running', 'dead');
"""


class Migration(migrations.Migration):
    """Turns of units and models in each lane; a running run can be cancelled; missed monitoring is kept."""

    dependencies = [
        ("gates", "0003_proposals"),
        ("inventory", "0003_scope_and_tiers"),
        ("audit", "0002_walls"),
    ]

    operations = [
        migrations.CreateModel(
            name="Turn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("lane", models.CharField(choices=LANES, max_length=10)),
                ("unit_key", models.CharField(max_length=80)),
                ("taken_at", models.DateTimeField()),
                ("spent", models.FloatField(default=0.0)),
                (
                    "model",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.registeredmodel",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("lane", "unit_key", "model"), name="turn_once_in_lane", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="run", name="due_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="run",
            name="place",
            field=models.SmallIntegerField(
                choices=[(-1, "first"), (0, "in turn"), (1, "last")], db_default=0, default=0
            ),
        ),
        migrations.AddField(
            model_name="run", name="tier", field=models.PositiveSmallIntegerField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="run",
            name="unit_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="schedule", name="missed_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="schedule",
            name="missed_why",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.RunSQL(UNITS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(("state", "queued")), fields=["lane", "place"], name="run_waits_in_lane"
            ),
        ),
        changed_moves("gates_run", "state", RUN_MOVES),
    ]
