from __future__ import annotations

from django.db import migrations

COLUMNS = """
ALTER TABLE gates_run ADD COLUMN next_note text;
ALTER TABLE gates_run ADD COLUMN next_weight integer NOT NULL DEFAULT 1;
"""


class Migration(migrations.Migration):
    """Columns of a table that every worker writes."""

    dependencies = [("next_release", "0001_models")]
    operations = [migrations.RunSQL(COLUMNS)]
