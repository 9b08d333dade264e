from __future__ import annotations

from django.db import migrations

# Tables that every request or run writes.
COLUMNS = """
ALTER TABLE inventory_registeredmodel ADD COLUMN next_note text;
ALTER TABLE inventory_registeredmodel ADD COLUMN next_kind varchar(20) NOT NULL DEFAULT 'plain';
ALTER TABLE gates_run ADD COLUMN next_note text;
ALTER TABLE gates_run ADD COLUMN next_weight integer NOT NULL DEFAULT 1;
ALTER TABLE audit_event ADD COLUMN next_note text;
ALTER TABLE deploys_admission ADD COLUMN next_note varchar(20) NOT NULL DEFAULT '';
ALTER TABLE access_person ADD COLUMN next_note text;
CREATE TABLE next_release_note (
  id bigserial PRIMARY KEY,
  model_id uuid NOT NULL REFERENCES inventory_registeredmodel (id),
  text text NOT NULL
);
"""


class Migration(migrations.Migration):
    """Columns of their own and a table."""

    dependencies = [("deploys", "0011_experiments")]
    operations = [migrations.RunSQL(COLUMNS)]
