from __future__ import annotations

from django.db import migrations

from apps.access.states import APPROVES, BUILDS, ROLES
from apps.audit.sql import refuse


def _roles(permissions: frozenset[str]) -> str:
    found = sorted(role.key for role in ROLES.values() if role.permissions & permissions)
    return "ARRAY[" + ", ".join(f"'{key}'" for key in found) + "]::text[]"


def _named(sql: str) -> str:
    return sql.replace("ROLES_THAT_BUILD", _roles(BUILDS)).replace("ROLES_THAT_APPROVE", _roles(APPROVES))


# Nobody, in any account, both builds and approves the same models: held by the database itself.
DUTIES_APART = """
CREATE FUNCTION access_duties_apart() RETURNS trigger LANGUAGE plpgsql AS $walls$
DECLARE
  builds text[] := ROLES_THAT_BUILD;
  approves text[] := ROLES_THAT_APPROVE;
BEGIN
  IF EXISTS (
    SELECT 1 FROM access_rolegrant g
      JOIN access_person held ON held.id = g.person_id
      JOIN access_person person ON person.id = NEW.person_id AND person.identity = held.identity
    WHERE (g.valid_to IS NULL OR g.valid_to > statement_timestamp())
      AND ((NEW.role = ANY (builds) AND g.role = ANY (approves))
        OR (NEW.role = ANY (approves) AND g.role = ANY (builds)))
      AND ('organisation' IN (g.scope, NEW.scope)
        OR (g.scope = NEW.scope AND g.scope_key = NEW.scope_key)
        OR EXISTS (
          SELECT 1 FROM inventory_registeredmodel m JOIN inventory_businessunit u ON u.id = m.unit_id
          WHERE (g.scope = 'unit' AND NEW.scope = 'model' AND u.key = g.scope_key AND m.key = NEW.scope_key)
             OR (g.scope = 'model' AND NEW.scope = 'unit' AND m.key = g.scope_key AND u.key = NEW.scope_key)
        ))
  ) THEN
    RAISE EXCEPTION 'access_rolegrant: nobody both builds and approves the same models'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER duties_apart BEFORE INSERT ON access_rolegrant
  FOR EACH ROW EXECUTE FUNCTION access_duties_apart();
ALTER TABLE access_rolegrant ENABLE ALWAYS TRIGGER duties_apart;
"""

# A grant only ends, a token is only revoked, and an account stays the account of its human.
ONLY_ENDS = """
CREATE FUNCTION access_only_ends() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF to_jsonb(NEW) - TG_ARGV[0] <> to_jsonb(OLD) - TG_ARGV[0]
     OR coalesce((to_jsonb(OLD) ->> TG_ARGV[0])::timestamptz, 'infinity')
        <= coalesce((to_jsonb(NEW) ->> TG_ARGV[0])::timestamptz, 'infinity') THEN
    RAISE EXCEPTION '%: a row can only be ended', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER only_ends BEFORE UPDATE ON access_rolegrant
  FOR EACH ROW EXECUTE FUNCTION access_only_ends('valid_to');
CREATE TRIGGER only_ends BEFORE UPDATE ON access_apitoken
  FOR EACH ROW EXECUTE FUNCTION access_only_ends('revoked_at');
CREATE FUNCTION access_same_human() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  RAISE EXCEPTION 'access_person: the human behind an account never changes'
    USING ERRCODE = 'restrict_violation';
END $walls$;
CREATE TRIGGER same_human BEFORE UPDATE ON access_person FOR EACH ROW
  WHEN (OLD.identity IS DISTINCT FROM NEW.identity OR OLD.is_service IS DISTINCT FROM NEW.is_service)
  EXECUTE FUNCTION access_same_human();
ALTER TABLE access_rolegrant ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE access_apitoken ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE access_person ENABLE ALWAYS TRIGGER same_human;
"""

UNDO = """
DROP TRIGGER duties_apart ON access_rolegrant;
DROP TRIGGER only_ends ON access_rolegrant;
DROP TRIGGER only_ends ON access_apitoken;
DROP TRIGGER same_human ON access_person;
DROP TRIGGER written_once ON access_rolegrant;
DROP TRIGGER written_once ON access_apitoken;
DROP TRIGGER written_once ON access_person;
DROP FUNCTION access_duties_apart();
DROP FUNCTION access_only_ends();
DROP FUNCTION access_same_human();
"""

KEPT = "".join(
    refuse(table, "DELETE OR TRUNCATE") for table in ("access_rolegrant", "access_apitoken", "access_person")
)


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial"), ("audit", "0002_walls")]

    operations = [migrations.RunSQL(_named(DUTIES_APART) + ONLY_ENDS + KEPT, UNDO)]
