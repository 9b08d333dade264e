from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only, refuse

# Where an endpoint lies and with whose eyes it sees, and what a message says, stays as it was written.
STANDS = """
CREATE FUNCTION notices_stands() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $walls$
BEGIN
  RAISE EXCEPTION '%: what was written does not change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $walls$;
CREATE TRIGGER endpoint_stands BEFORE UPDATE ON notices_endpoint FOR EACH ROW
  WHEN ((OLD.id, OLD.name, OLD.kind, OLD.address, OLD.place, OLD.unit_key, OLD.model_key, OLD.owner_id,
         OLD.added_by_id, OLD.added_at)
    IS DISTINCT FROM (NEW.id, NEW.name, NEW.kind, NEW.address, NEW.place, NEW.unit_key, NEW.model_key,
         NEW.owner_id, NEW.added_by_id, NEW.added_at)
    OR (OLD.agreed_at IS NOT NULL AND OLD.agreed_at IS DISTINCT FROM NEW.agreed_at))
  EXECUTE FUNCTION notices_stands();
ALTER TABLE notices_endpoint ENABLE ALWAYS TRIGGER endpoint_stands;
CREATE TRIGGER delivery_stands BEFORE UPDATE ON notices_delivery FOR EACH ROW
  WHEN ((OLD.id, OLD.channel, OLD.endpoint_id, OLD.person_id, OLD.about, OLD.kind, OLD.model_key, OLD.body,
         OLD.made_at)
    IS DISTINCT FROM (NEW.id, NEW.channel, NEW.endpoint_id, NEW.person_id, NEW.about, NEW.kind,
         NEW.model_key, NEW.body, NEW.made_at))
  EXECUTE FUNCTION notices_stands();
ALTER TABLE notices_delivery ENABLE ALWAYS TRIGGER delivery_stands;
"""

UNDO = """
DROP TRIGGER delivery_stands ON notices_delivery;
DROP TRIGGER endpoint_stands ON notices_endpoint;
DROP FUNCTION notices_stands();
"""
KEPT = ("delivery", "endpoint", "endpointsecret", "follower", "notice", "subscription")


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_initial"), ("audit", "0002_walls")]

    operations = [
        append_only("notices_attempt"),
        append_only("notices_reminder"),
        migrations.RunSQL(STANDS, UNDO),
        migrations.RunSQL(
            "".join(refuse(f"notices_{table}", "DELETE OR TRUNCATE") for table in KEPT),
            "".join(f"DROP TRIGGER written_once ON notices_{table};" for table in KEPT),
        ),
    ]
