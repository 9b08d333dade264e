from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Indexes built beside the writers."""

    atomic = False
    dependencies = [("next_release", "0005_notes")]
    operations = [
        migrations.RunSQL("CREATE INDEX CONCURRENTLY next_events ON audit_event (next_note, occurred_at)"),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY next_runs ON gates_run (next_weight, state)"),
    ]
