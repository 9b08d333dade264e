from __future__ import annotations

from django.db import migrations

from apps.audit.sql import APP, READER, SEQUENCER, for_role, grant, refuse

FUNCTIONS = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $walls$
BEGIN
  RAISE EXCEPTION '% of % is refused: it is written once', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $walls$;

CREATE FUNCTION audit_event_read() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $walls$
BEGIN
  NEW.doc := convert_from(NEW.body, 'UTF8')::jsonb;
  NEW.recorded_at := clock_timestamp();
  NEW.action := NEW.doc->>'action';
  NEW.actor_type := NEW.doc#>>'{actor,type}';
  NEW.actor_id := NEW.doc#>>'{actor,id}';
  NEW.object_type := NEW.doc#>>'{object,type}';
  NEW.object_id := NEW.doc#>>'{object,id}';
  IF NEW.id IS DISTINCT FROM (NEW.doc->>'id')::uuid
     OR NEW.occurred_at IS DISTINCT FROM (NEW.doc->>'ts')::timestamptz THEN
    RAISE EXCEPTION 'the id and the time of an event must be those of its body'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;

CREATE FUNCTION audit_event_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $walls$
BEGIN
  INSERT INTO public.audit_pending (event_id) VALUES (NEW.id);
  RETURN NULL;
END $walls$;
REVOKE ALL ON FUNCTION audit_event_enqueue() FROM PUBLIC;

ALTER TABLE audit_event ADD CONSTRAINT audit_event_body_size CHECK (octet_length(body) BETWEEN 2 AND 65536);
ALTER TABLE audit_leaf ADD CONSTRAINT audit_leaf_hash_size CHECK (octet_length(leaf_hash) = 32);
CREATE TRIGGER read_body BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_read();
CREATE TRIGGER enqueue AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_event_enqueue();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER read_body;
INSERT INTO audit_treestate (k, size, frontier) VALUES (1, 0, '');
"""

UNDO = """
DROP TRIGGER read_body ON audit_event;
DROP TRIGGER enqueue ON audit_event;
ALTER TABLE audit_event DROP CONSTRAINT audit_event_body_size;
ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_hash_size;
DROP FUNCTION audit_event_enqueue();
DROP FUNCTION audit_event_read();
DROP FUNCTION audit_refuse_change();
"""

WRITTEN_ONCE = ("event", "leaf", "node", "checkpoint", "statement", "signingkey", "keyend")

# What each role may do with each table; an empty text is nothing.
RIGHTS = {
    "event": {APP: "SELECT, INSERT", SEQUENCER: "SELECT (id, leaf_hash)", READER: "SELECT"},
    "personal": {APP: "SELECT, INSERT, DELETE", SEQUENCER: "", READER: "SELECT"},
    "pending": {APP: "SELECT", SEQUENCER: "SELECT, DELETE", READER: "SELECT"},
    "leaf": {APP: "SELECT", SEQUENCER: "SELECT, INSERT", READER: "SELECT"},
    "node": {APP: "SELECT", SEQUENCER: "SELECT, INSERT", READER: "SELECT"},
    "checkpoint": {APP: "SELECT", SEQUENCER: "SELECT, INSERT", READER: "SELECT"},
    "treestate": {APP: "SELECT", SEQUENCER: "SELECT, UPDATE", READER: "SELECT"},
    "statement": {APP: "SELECT, INSERT", SEQUENCER: "", READER: "SELECT"},
    "signingkey": {APP: "SELECT, INSERT", SEQUENCER: "SELECT", READER: "SELECT"},
    "keyend": {APP: "SELECT, INSERT", SEQUENCER: "SELECT", READER: "SELECT"},
}


def _walls() -> list[str]:
    return (
        [refuse(f"audit_{table}") for table in WRITTEN_ONCE]
        + [
            refuse("audit_pending", "UPDATE OR TRUNCATE"),
            refuse("audit_personal", "UPDATE OR TRUNCATE"),
            refuse("audit_treestate", "DELETE OR TRUNCATE"),
        ]
        + [f"REVOKE ALL ON audit_{table} FROM PUBLIC;" for table in RIGHTS]
        + [grant(role, r, f"audit_{table}") for table, roles in RIGHTS.items() for role, r in roles.items()]
        + [for_role(role, f"GRANT USAGE ON SCHEMA public TO {role}") for role in (APP, SEQUENCER, READER)]
    )


def _without_walls() -> list[str]:
    return [f"DROP TRIGGER written_once ON audit_{table};" for table in RIGHTS]


class Migration(migrations.Migration):
    """The functions, triggers and rights that make the log written once."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTIONS, UNDO),
        migrations.RunSQL("\n".join(_walls()), "\n".join(_without_walls())),
    ]
