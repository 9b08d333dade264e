from __future__ import annotations

import uuid

import apps.access.states
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from apps.audit.sql import append_only, refuse

# Who an account is elsewhere, and what a group is worth, only ends; and neither stands without its event.
WALLS = """
CREATE TRIGGER only_ends BEFORE UPDATE ON access_externalidentity
  FOR EACH ROW EXECUTE FUNCTION access_only_ends('ended_at');
CREATE TRIGGER only_ends BEFORE UPDATE ON access_groupmapping
  FOR EACH ROW EXECUTE FUNCTION access_only_ends('ended_at');
ALTER TABLE access_externalidentity ENABLE ALWAYS TRIGGER only_ends;
ALTER TABLE access_groupmapping ENABLE ALWAYS TRIGGER only_ends;
CREATE FUNCTION access_told() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF NOT EXISTS (
    SELECT 1 FROM audit_event e WHERE e.object_type = TG_ARGV[0] AND e.object_id = NEW.id::text
  ) THEN
    RAISE EXCEPTION '%: no event tells of this row', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $walls$;
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON access_externalidentity DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION access_told('identity');
CREATE CONSTRAINT TRIGGER told AFTER INSERT ON access_groupmapping DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION access_told('mapping');
CREATE FUNCTION access_same_account() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF to_jsonb(OLD) -> 'uid' <> to_jsonb(NEW) -> 'uid'
     OR to_jsonb(OLD) -> 'directory_id' <> to_jsonb(NEW) -> 'directory_id'
     OR to_jsonb(OLD) -> 'person_id' IS DISTINCT FROM to_jsonb(NEW) -> 'person_id'
     OR NEW.version < OLD.version THEN
    RAISE EXCEPTION '%: whose it is never changes', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
CREATE TRIGGER same_account BEFORE UPDATE ON access_directoryaccount
  FOR EACH ROW EXECUTE FUNCTION access_same_account();
CREATE TRIGGER same_account BEFORE UPDATE ON access_directorygroup
  FOR EACH ROW EXECUTE FUNCTION access_same_account();
ALTER TABLE access_directoryaccount ENABLE ALWAYS TRIGGER same_account;
ALTER TABLE access_directorygroup ENABLE ALWAYS TRIGGER same_account;
"""
KEPT = "".join(
    refuse(f"access_{table}", "DELETE OR TRUNCATE")
    for table in ("externalidentity", "groupmapping", "directoryaccount", "directorygroup")
) + refuse("access_directorymember", "UPDATE OR TRUNCATE")
UNDO = """
DROP TRIGGER only_ends ON access_externalidentity;
DROP TRIGGER only_ends ON access_groupmapping;
DROP TRIGGER told ON access_externalidentity;
DROP TRIGGER told ON access_groupmapping;
DROP TRIGGER same_account ON access_directoryaccount;
DROP TRIGGER same_account ON access_directorygroup;
DROP TRIGGER written_once ON access_externalidentity;
DROP TRIGGER written_once ON access_groupmapping;
DROP TRIGGER written_once ON access_directoryaccount;
DROP TRIGGER written_once ON access_directorygroup;
DROP TRIGGER written_once ON access_directorymember;
DROP FUNCTION access_told();
DROP FUNCTION access_same_account();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0007_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsedAnswer',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='DirectoryAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('external_id', models.CharField(blank=True, max_length=255)),
                ('given_name', models.CharField(blank=True, max_length=100)),
                ('family_name', models.CharField(blank=True, max_length=100)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('directory', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='kept_accounts', to=settings.AUTH_USER_MODEL)),
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='kept_by', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DirectoryGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, unique=True)),
                ('name', models.CharField(max_length=200)),
                ('external_id', models.CharField(blank=True, max_length=255)),
                ('version', models.PositiveIntegerField(default=1)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('removed_at', models.DateTimeField(null=True)),
                ('directory', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='kept_groups', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='DirectoryMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to='access.directoryaccount')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='members', to='access.directorygroup')),
            ],
        ),
        migrations.CreateModel(
            name='ExternalIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=40)),
                ('issuer', models.CharField(max_length=500)),
                ('subject', models.CharField(max_length=255)),
                ('linked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('linked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='identities', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='GroupMapping',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(max_length=160)),
                ('group', models.CharField(max_length=200)),
                ('role', models.CharField(max_length=40)),
                ('scope', models.CharField(choices=[(apps.access.states.Scope['ORGANISATION'], apps.access.states.Scope['ORGANISATION']), (apps.access.states.Scope['UNIT'], apps.access.states.Scope['UNIT']), (apps.access.states.Scope['MODEL'], apps.access.states.Scope['MODEL'])], default=apps.access.states.Scope['ORGANISATION'], max_length=20)),
                ('scope_key', models.CharField(blank=True, max_length=200)),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('reason', models.TextField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='MappedGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('grant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='mapped', to='access.rolegrant')),
                ('mapping', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grants', to='access.groupmapping')),
            ],
        ),
        migrations.AddConstraint(
            model_name='directoryaccount',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('directory', 'external_id'), name='directory_account_once'),
        ),
        migrations.AddConstraint(
            model_name='directorygroup',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('directory', 'name'), name='directory_group_named_once'),
        ),
        migrations.AddConstraint(
            model_name='directorymember',
            constraint=models.UniqueConstraint(fields=('group', 'account'), name='directory_member_once'),
        ),
        migrations.AddConstraint(
            model_name='externalidentity',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('issuer', 'subject'), name='identity_of_one_account'),
        ),
        migrations.AddConstraint(
            model_name='groupmapping',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('source', 'group', 'role', 'scope', 'scope_key'), name='mapping_stands_once'),
        ),
        append_only("access_mappedgrant"),
        append_only("access_usedanswer"),
        migrations.RunSQL(WALLS + KEPT, UNDO),
    ]
