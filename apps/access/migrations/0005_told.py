from __future__ import annotations

from django.db import migrations

# A role that no event tells of does not outlive its transaction: whoever writes rows past the commands
# leaves a trace that the log keeps, or gets no role.
TOLD = """
CREATE FUNCTION access_grant_told() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM audit_event e WHERE e.object_type = 'grant' AND e.object_id = NEW.id::text
  ) THEN
    RAISE EXCEPTION 'access_rolegrant: no event tells of this role' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $walls$;
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON access_rolegrant DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION access_grant_told();
"""
UNDO = "DROP TRIGGER told ON access_rolegrant; DROP FUNCTION access_grant_told();"


class Migration(migrations.Migration):
    dependencies = [("access", "0004_monitor"), ("audit", "0002_walls")]

    operations = [migrations.RunSQL(TOLD, UNDO)]
