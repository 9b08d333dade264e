from __future__ import annotations

from django.db import migrations

COLUMNS = """
ALTER TABLE inventory_registeredmodel ADD COLUMN next_note text;
ALTER TABLE inventory_registeredmodel ADD COLUMN next_kind varchar(20) NOT NULL DEFAULT 'plain';
"""


class Migration(migrations.Migration):
    """Columns of a table that requests write."""

    dependencies = [("deploys", "0011_experiments")]
    operations = [migrations.RunSQL(COLUMNS)]
