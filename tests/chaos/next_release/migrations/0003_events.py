from __future__ import annotations

from django.db import migrations

COLUMN = """
ALTER TABLE audit_event ADD COLUMN next_note text;
"""


class Migration(migrations.Migration):
    """A column of the log."""

    dependencies = [("next_release", "0002_runs")]
    operations = [migrations.RunSQL(COLUMN)]
