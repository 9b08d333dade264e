from __future__ import annotations

from django.db import migrations

TABLE = """
CREATE TABLE next_release_note (
  id bigserial PRIMARY KEY,
  model_id bigint NOT NULL REFERENCES inventory_registeredmodel (id),
  text text NOT NULL
);
"""


class Migration(migrations.Migration):
    """A table of its own, which names one that stands."""

    dependencies = [("next_release", "0004_people")]
    operations = [migrations.RunSQL(TABLE)]
