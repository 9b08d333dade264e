# ruff: noqa: S608 - every name in this SQL is one of the code's own
from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.access.states import (
    ADMINISTERS,
    APART_FROM_ADMINISTERING,
    APPROVES,
    BUILDS,
    PERSONAL,
    ROLES,
    Permission,
)
from apps.audit.sql import append_only


def _array(words: list[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in sorted(words)) + "]::text[]"


def _carries(name: str, permissions: frozenset[Permission]) -> str:
    """A function that says whether a role, shipped or own, holds one of these permissions now."""
    shipped = [role.key for role in ROLES.values() if role.permissions & permissions]
    wanted = _array([str(p) for p in permissions])
    return f"""
CREATE FUNCTION access_wanted_{name}() RETURNS text[] LANGUAGE sql IMMUTABLE AS $walls$ SELECT {wanted} $walls$;
CREATE FUNCTION access_{name}(held text) RETURNS boolean LANGUAGE sql STABLE AS $walls$
  SELECT held = ANY ({_array(shipped)}) OR EXISTS (
    SELECT 1 FROM access_roleversion v WHERE v.key = held AND v.permissions ?| access_wanted_{name}()
      AND NOT EXISTS (SELECT 1 FROM access_roleversion n WHERE n.key = v.key AND n.number > v.number)
  )
$walls$;
"""


CARRIES = (
    _carries("builds", BUILDS)
    + _carries("approves", APPROVES)
    + _carries("personal", PERSONAL)
    + f"""
CREATE FUNCTION access_shipped(held text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $walls$
  SELECT held = ANY ({_array(list(ROLES))})
$walls$;
CREATE FUNCTION access_scopes_meet(a text, a_key text, b text, b_key text) RETURNS boolean
  LANGUAGE sql STABLE AS $walls$
  SELECT 'organisation' IN (a, b) OR (a = b AND a_key = b_key) OR EXISTS (
    SELECT 1 FROM inventory_registeredmodel m JOIN inventory_businessunit u ON u.id = m.unit_id
    WHERE (a = 'unit' AND b = 'model' AND u.key = a_key AND m.key = b_key)
       OR (a = 'model' AND b = 'unit' AND m.key = a_key AND u.key = b_key)
  )
$walls$;
"""
)

# As it stood, and with the installation's own roles: what a role permits is looked up when it is given.
DUTIES_APART = """
CREATE OR REPLACE FUNCTION access_duties_apart() RETURNS trigger LANGUAGE plpgsql AS $walls$
DECLARE
  builds boolean;
  approves boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('access_role:' || NEW.role));
  builds := access_builds(NEW.role);
  approves := access_approves(NEW.role);
  IF (builds OR approves) AND EXISTS (
    SELECT 1 FROM access_rolegrant g
      JOIN access_person held ON held.id = g.person_id
      JOIN access_person person ON person.id = NEW.person_id AND person.identity = held.identity
    WHERE (g.valid_to IS NULL OR g.valid_to > statement_timestamp())
      AND ((builds AND access_approves(g.role)) OR (approves AND access_builds(g.role)))
      AND access_scopes_meet(g.scope, g.scope_key, NEW.scope, NEW.scope_key)
  ) THEN
    RAISE EXCEPTION 'access_rolegrant: nobody both builds and approves the same models'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
"""

# A role of one's own keeps the laws of the shipped ones, also for everybody who holds it already.
LAWFUL = f"""
CREATE FUNCTION access_role_lawful() RETURNS trigger LANGUAGE plpgsql AS $walls$
DECLARE
  builds boolean := NEW.permissions ?| access_wanted_builds();
  approves boolean := NEW.permissions ?| access_wanted_approves();
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('access_role:' || NEW.key));
  IF access_shipped(NEW.key) THEN
    RAISE EXCEPTION 'access_roleversion: a shipped role is never changed' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.number <> 1 + coalesce((SELECT max(number) FROM access_roleversion v WHERE v.key = NEW.key), 0) THEN
    RAISE EXCEPTION 'access_roleversion: versions follow each other' USING ERRCODE = 'check_violation';
  END IF;
  IF (builds AND approves)
     OR (NEW.permissions ?| {_array([str(p) for p in ADMINISTERS])}
         AND NEW.permissions ?| {_array([str(p) for p in APART_FROM_ADMINISTERING])}) THEN
    RAISE EXCEPTION 'access_roleversion: no role both builds and approves, or administers and sees evidence'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM access_rolegrant g JOIN access_person p ON p.id = g.person_id
      JOIN access_person maker ON maker.id = NEW.made_by_id AND maker.identity = p.identity
    WHERE g.role = NEW.key AND (g.valid_to IS NULL OR g.valid_to > statement_timestamp())
  ) THEN
    RAISE EXCEPTION 'access_roleversion: nobody changes a role that they hold' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
    SELECT 1 FROM access_rolegrant g JOIN access_person p ON p.id = g.person_id
    WHERE g.role = NEW.key AND (g.valid_to IS NULL OR g.valid_to > statement_timestamp())
      AND ((p.is_service AND NEW.permissions ?| access_wanted_personal()) OR EXISTS (
        SELECT 1 FROM access_rolegrant o JOIN access_person q ON q.id = o.person_id
        WHERE q.identity = p.identity AND o.role <> NEW.key
          AND (o.valid_to IS NULL OR o.valid_to > statement_timestamp())
          AND ((builds AND access_approves(o.role)) OR (approves AND access_builds(o.role)))
          AND access_scopes_meet(g.scope, g.scope_key, o.scope, o.scope_key)
      ))
  ) THEN
    RAISE EXCEPTION 'access_roleversion: somebody who holds the role would build and approve'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER lawful BEFORE INSERT ON access_roleversion
  FOR EACH ROW EXECUTE FUNCTION access_role_lawful();
ALTER TABLE access_roleversion ENABLE ALWAYS TRIGGER lawful;
CREATE FUNCTION access_role_told() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM audit_event e WHERE e.object_type = 'role' AND e.object_id = NEW.id::text
  ) THEN
    RAISE EXCEPTION 'access_roleversion: no event tells of this role' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $walls$;
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON access_roleversion DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION access_role_told();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0005_told"), ("audit", "0002_walls"), ("inventory", "0001_initial")]

    operations = [
        migrations.AlterField(model_name="rolegrant", name="role", field=models.CharField(max_length=40)),
        migrations.CreateModel(
            name="RoleVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.SlugField(max_length=40)),
                ("number", models.PositiveIntegerField()),
                ("title", models.CharField(max_length=100)),
                ("sentence", models.TextField()),
                ("permissions", models.JSONField(default=list)),
                ("retired", models.BooleanField(default=False)),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("reason", models.TextField()),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["key", "-number"],
                "constraints": [models.UniqueConstraint(fields=("key", "number"), name="role_version_once")],
            },
        ),
        append_only("access_roleversion"),
        migrations.RunSQL(CARRIES + DUTIES_APART + LAWFUL, migrations.RunSQL.noop),
    ]
