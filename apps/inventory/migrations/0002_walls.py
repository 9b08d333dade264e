from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only, refuse

# A version's model has its label once and its key for ever; a use only ends.
STAY = """
CREATE FUNCTION inventory_name_stays() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  RAISE EXCEPTION '%: this never changes', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $walls$;
CREATE TRIGGER key_stays BEFORE UPDATE ON inventory_registeredmodel FOR EACH ROW
  WHEN (OLD.key IS DISTINCT FROM NEW.key OR OLD.unit_id IS DISTINCT FROM NEW.unit_id)
  EXECUTE FUNCTION inventory_name_stays();
CREATE TRIGGER key_stays BEFORE UPDATE ON inventory_businessunit FOR EACH ROW
  WHEN (OLD.key IS DISTINCT FROM NEW.key) EXECUTE FUNCTION inventory_name_stays();
CREATE TRIGGER end_stays BEFORE UPDATE ON inventory_use FOR EACH ROW
  WHEN (OLD.key IS DISTINCT FROM NEW.key OR OLD.model_id IS DISTINCT FROM NEW.model_id
        OR OLD.retired_at IS NOT NULL)
  EXECUTE FUNCTION inventory_name_stays();
ALTER TABLE inventory_registeredmodel ENABLE ALWAYS TRIGGER key_stays;
ALTER TABLE inventory_businessunit ENABLE ALWAYS TRIGGER key_stays;
ALTER TABLE inventory_use ENABLE ALWAYS TRIGGER end_stays;
"""

UNDO = """
DROP TRIGGER key_stays ON inventory_registeredmodel;
DROP TRIGGER key_stays ON inventory_businessunit;
DROP TRIGGER end_stays ON inventory_use;
DROP TRIGGER written_once ON inventory_registeredmodel;
DROP TRIGGER written_once ON inventory_businessunit;
DROP TRIGGER written_once ON inventory_use;
DROP TRIGGER written_once ON inventory_blob;
DROP FUNCTION inventory_name_stays();
"""

KEPT = (
    refuse("inventory_registeredmodel", "DELETE OR TRUNCATE")
    + refuse("inventory_businessunit", "DELETE OR TRUNCATE")
    + refuse("inventory_use", "DELETE OR TRUNCATE")
    # Bytes that nothing names may be swept away one day; those that a fact names are held by its key.
    + refuse("inventory_blob", "UPDATE OR TRUNCATE")
)


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("audit", "0002_walls")]

    operations = [
        append_only("inventory_modelversion"),
        append_only("inventory_dataset"),
        append_only("inventory_contribution"),
        append_only("inventory_tiering"),
        append_only("inventory_possession"),
        migrations.RunSQL(STAY + KEPT, UNDO),
    ]
