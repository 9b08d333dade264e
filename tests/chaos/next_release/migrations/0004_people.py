from __future__ import annotations

from django.db import migrations

COLUMN = """
ALTER TABLE access_person ADD COLUMN next_note varchar(20) NOT NULL DEFAULT '';
"""


class Migration(migrations.Migration):
    """A column of a table that every request reads."""

    dependencies = [("next_release", "0003_events")]
    operations = [migrations.RunSQL(COLUMN)]
