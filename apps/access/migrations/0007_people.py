from __future__ import annotations

import datetime

import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only, refuse

# Handed reviews are only ended, once; nobody hands on what was handed to them.
DELEGATION = """
CREATE FUNCTION access_delegation_ends() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
     OR to_jsonb(NEW) - 'ended_at' - 'ended_by_id' <> to_jsonb(OLD) - 'ended_at' - 'ended_by_id' THEN
    RAISE EXCEPTION 'access_delegation: a row can only be ended' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER only_ends BEFORE UPDATE ON access_delegation
  FOR EACH ROW EXECUTE FUNCTION access_delegation_ends();
ALTER TABLE access_delegation ENABLE ALWAYS TRIGGER only_ends;
CREATE FUNCTION access_delegation_begins() RETURNS trigger LANGUAGE plpgsql AS $walls$
DECLARE
  giver text := (SELECT identity FROM access_person WHERE id = NEW.delegator_id);
  taker text := (SELECT identity FROM access_person WHERE id = NEW.delegate_id);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('access_delegation'));
  IF giver = taker OR NEW.ended_at IS NOT NULL OR EXISTS (
    SELECT 1 FROM access_delegation d
      JOIN access_person a ON a.id = d.delegator_id JOIN access_person b ON b.id = d.delegate_id
    WHERE d.ended_at IS NULL AND d.valid_to > NEW.valid_from AND NEW.valid_to > d.valid_from
      AND d.permission = NEW.permission AND (b.identity = giver OR a.identity = taker)
  ) THEN
    RAISE EXCEPTION 'access_delegation: what was handed on is not handed on again, nor to oneself'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER begins BEFORE INSERT ON access_delegation
  FOR EACH ROW EXECUTE FUNCTION access_delegation_begins();
ALTER TABLE access_delegation ENABLE ALWAYS TRIGGER begins;
"""

# A campaign closes once; who was asked and what was answered is written once.
CAMPAIGN = """
CREATE FUNCTION access_campaign_closes() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL
     OR to_jsonb(NEW) - 'closed_at' - 'statement_digest' <> to_jsonb(OLD) - 'closed_at' - 'statement_digest' THEN
    RAISE EXCEPTION 'access_campaign: a campaign can only be closed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER only_closes BEFORE UPDATE ON access_campaign
  FOR EACH ROW EXECUTE FUNCTION access_campaign_closes();
ALTER TABLE access_campaign ENABLE ALWAYS TRIGGER only_closes;
CREATE FUNCTION access_answer_by_another() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF EXISTS (
    SELECT 1 FROM access_campaignitem i JOIN access_rolegrant g ON g.id = i.grant_id
      JOIN access_person held ON held.id = g.person_id
      JOIN access_person said ON said.id = NEW.answered_by_id AND said.identity = held.identity
    WHERE i.id = NEW.item_id
  ) OR EXISTS (
    SELECT 1 FROM access_campaignitem i JOIN access_campaign c ON c.id = i.campaign_id
    WHERE i.id = NEW.item_id AND c.closed_at IS NOT NULL
  ) THEN
    RAISE EXCEPTION 'access_campaignanswer: another person answers, while the campaign is open'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER by_another BEFORE INSERT ON access_campaignanswer
  FOR EACH ROW EXECUTE FUNCTION access_answer_by_another();
ALTER TABLE access_campaignanswer ENABLE ALWAYS TRIGGER by_another;
"""
KEPT = "".join(refuse(table, "DELETE OR TRUNCATE") for table in ("access_delegation", "access_campaign"))


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0006_own_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                (
                    "scope",
                    models.CharField(
                        choices=[("organisation", "organisation"), ("unit", "unit"), ("model", "model")],
                        default="organisation",
                        max_length=20,
                    ),
                ),
                ("scope_key", models.CharField(blank=True, max_length=200)),
                ("due", models.DateTimeField()),
                (
                    "unanswered",
                    models.CharField(choices=[("end", "end"), ("escalate", "escalate")], max_length=10),
                ),
                ("opened_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("closed_at", models.DateTimeField(null=True)),
                ("statement_digest", models.CharField(blank=True, max_length=71)),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-opened_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="CampaignItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="access.campaign",
                    ),
                ),
                (
                    "grant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.rolegrant"
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="CampaignAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kept", models.BooleanField()),
                ("reason", models.TextField()),
                ("answered_on", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "answered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "item",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answer",
                        to="access.campaignitem",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Delegation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("permission", models.CharField(max_length=40)),
                (
                    "scope",
                    models.CharField(
                        choices=[("organisation", "organisation"), ("unit", "unit"), ("model", "model")],
                        default="organisation",
                        max_length=20,
                    ),
                ),
                ("scope_key", models.CharField(blank=True, max_length=200)),
                ("valid_from", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("valid_to", models.DateTimeField()),
                ("reason", models.TextField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "delegate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_held",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "delegator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delegations_given",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-valid_from", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="TokenUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="uses", to="access.apitoken"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="campaignitem",
            constraint=models.UniqueConstraint(fields=("campaign", "grant"), name="grant_once_per_campaign"),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("delegator", models.F("delegate")), _negated=True),
                name="delegation_to_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_to__gt", models.F("valid_from"))), name="delegation_ends"
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "valid_to__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("valid_from"), "+", models.Value(datetime.timedelta(days=92))
                        ),
                    )
                ),
                name="delegation_ends_in_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="delegation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("ended_by__isnull", True)),
                    models.Q(("ended_at__isnull", False), ("ended_by__isnull", False)),
                    _connector="OR",
                ),
                name="delegation_ended_paired",
            ),
        ),
        migrations.AddConstraint(
            model_name="tokenuse",
            constraint=models.UniqueConstraint(fields=("token", "day"), name="token_use_once_a_day"),
        ),
        migrations.RunSQL(DELEGATION + CAMPAIGN + KEPT, migrations.RunSQL.noop),
        append_only("access_tokenuse"),
        append_only("access_campaignitem"),
        append_only("access_campaignanswer"),
    ]
