from __future__ import annotations

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only

# Two humans, neither of whom built or owns the model, now and for four hours at most: whoever writes rows.
TWO_PEOPLE = """
CREATE FUNCTION deploys_glass_by_two() RETURNS trigger LANGUAGE plpgsql AS $walls$
DECLARE
  asked record;
  agreed text := (SELECT identity FROM access_person WHERE id = NEW.granted_by_id AND NOT is_service);
BEGIN
  SELECT r.*, p.identity AS asker, p.is_service AS robot, v.model_id, v.digest AS bytes, o.identity AS owner
    INTO asked FROM deploys_glassrequest r
    JOIN access_person p ON p.id = r.asked_by_id
    JOIN inventory_modelversion v ON v.id = r.version_id
    JOIN inventory_registeredmodel m ON m.id = v.model_id
    JOIN access_person o ON o.id = m.owner_id
    WHERE r.id = NEW.request_id;
  IF agreed IS NULL OR asked.robot OR agreed = asked.asker OR asked.owner IN (agreed, asked.asker)
     OR asked.digest <> asked.bytes
     OR EXISTS (
       SELECT 1 FROM inventory_contribution c
         JOIN inventory_modelversion v ON v.id = c.version_id AND v.model_id = asked.model_id
         JOIN access_person b ON b.id = c.person_id AND b.identity IN (agreed, asked.asker)
     ) THEN
    RAISE EXCEPTION 'deploys_glass: two people break the glass, and neither built the model'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.valid_from < now() - interval '5 minutes' OR NEW.valid_from > now() + interval '5 minutes'
     OR NEW.valid_to > NEW.valid_from + make_interval(mins => asked.minutes)
     OR EXISTS (SELECT 1 FROM deploys_glassend e WHERE e.request_id = NEW.request_id) THEN
    RAISE EXCEPTION 'deploys_glass: it holds from now on, as long as was asked for, unless it has ended'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER by_two BEFORE INSERT ON deploys_glass FOR EACH ROW EXECUTE FUNCTION deploys_glass_by_two();
ALTER TABLE deploys_glass ENABLE ALWAYS TRIGGER by_two;
CREATE FUNCTION deploys_glass_told() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM audit_event e WHERE e.object_type = 'break_glass' AND e.object_id = NEW.request_id::text
      AND e.action = 'break_glass.granted'
  ) THEN
    RAISE EXCEPTION 'deploys_glass: no event tells of this' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $walls$;
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON deploys_glass DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION deploys_glass_told();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0002_walls"),
        ("deploys", "0004_running"),
        ("inventory", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="GlassRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("digest", models.CharField(max_length=71)),
                ("minutes", models.PositiveSmallIntegerField()),
                ("reason", models.TextField()),
                ("ticket", models.CharField(max_length=200)),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="deploys.environment",
                    ),
                ),
                (
                    "use",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="inventory.use"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inventory.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at"],
            },
        ),
        migrations.CreateModel(
            name="GlassEnd",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ended_on", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("reason", models.TextField()),
                (
                    "ended_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="end",
                        to="deploys.glassrequest",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Glass",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField()),
                ("statement_digest", models.CharField(max_length=71, unique=True)),
                (
                    "finding",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="approvals.finding"
                    ),
                ),
                (
                    "granted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="glass",
                        to="deploys.glassrequest",
                    ),
                ),
            ],
            options={
                "ordering": ["-valid_from"],
            },
        ),
        migrations.AddConstraint(
            model_name="glassrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("minutes__gte", 1), ("minutes__lte", 240)), name="glass_at_most_4_hours"
            ),
        ),
        migrations.AddConstraint(
            model_name="glass",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_to__gt", models.F("valid_from")),
                    (
                        "valid_to__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("valid_from"), "+", models.Value(datetime.timedelta(seconds=14400))
                        ),
                    ),
                ),
                name="glass_ends_in_time",
            ),
        ),
        append_only("deploys_glassrequest"),
        append_only("deploys_glass"),
        append_only("deploys_glassend"),
        migrations.RunSQL(TWO_PEOPLE, migrations.RunSQL.noop),
    ]
