from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import refuse

# A factor belongs to its person for ever, its count only grows, and what was removed stays removed.
FORWARD = """
CREATE FUNCTION access_factor_forward() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF NEW.person_id <> OLD.person_id OR NEW.kind <> OLD.kind OR NEW.credential IS DISTINCT FROM OLD.credential
     OR NEW.counter < OLD.counter OR OLD.removed_at IS NOT NULL
     OR (NEW.key <> OLD.key AND NEW.removed_at IS NULL) THEN
    RAISE EXCEPTION 'access_secondfactor: a second factor is used or removed, never changed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER factor_forward BEFORE UPDATE ON access_secondfactor
  FOR EACH ROW EXECUTE FUNCTION access_factor_forward();
ALTER TABLE access_secondfactor ENABLE ALWAYS TRIGGER factor_forward;
"""
UNDO = """
DROP TRIGGER factor_forward ON access_secondfactor;
DROP TRIGGER written_once ON access_secondfactor;
DROP FUNCTION access_factor_forward();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0002_walls'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('used_at', models.DateTimeField(null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recovery_codes', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('totp', 'totp'), ('passkey', 'passkey')], max_length=10)),
                ('name', models.CharField(max_length=100)),
                ('key', models.BinaryField()),
                ('credential', models.BinaryField(null=True, unique=True)),
                ('counter', models.BigIntegerField(default=0)),
                ('added_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('used_at', models.DateTimeField(null=True)),
                ('removed_at', models.DateTimeField(null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='factors', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('person', 'name'), name='factor_named_once'), models.CheckConstraint(condition=models.Q(models.Q(('credential__isnull', False), ('kind', 'passkey')), models.Q(('credential__isnull', True), ('kind', 'totp')), _connector='OR'), name='factor_of_its_kind')],
            },
        ),
        migrations.RunSQL(FORWARD + refuse('access_secondfactor', 'DELETE OR TRUNCATE'), UNDO),
    ]
