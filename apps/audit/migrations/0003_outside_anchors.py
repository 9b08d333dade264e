import django.db.models.deletion
from django.db import migrations, models

from apps.audit.sql import APP, READER, SEQUENCER, for_role, grant, refuse

# While the log is stopped only what ends the stop, and the coming and going of people, is written.
STOPPED = """
CREATE OR REPLACE FUNCTION audit_event_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $walls$
DECLARE why text;
BEGIN
  SELECT reason INTO why FROM public.audit_logstop;
  IF FOUND AND NEW.action NOT IN
    ('epoch.proposed', 'epoch.opened', 'session.opened', 'session.refused', 'reauthentication.passed')
  THEN
    RAISE EXCEPTION '%', why USING ERRCODE = 'CSLOG';
  END IF;
  INSERT INTO public.audit_pending (event_id) VALUES (NEW.id);
  RETURN NULL;
END $walls$;
ALTER TABLE audit_epochproposal ADD CONSTRAINT audit_epoch_of_one UNIQUE (id, proposed_by);
ALTER TABLE audit_epoch ADD CONSTRAINT audit_epoch_same_person
  FOREIGN KEY (proposal_id, proposed_by) REFERENCES audit_epochproposal (id, proposed_by);
"""

UNSTOPPED = """
ALTER TABLE audit_epoch DROP CONSTRAINT audit_epoch_same_person;
ALTER TABLE audit_epochproposal DROP CONSTRAINT audit_epoch_of_one;
CREATE OR REPLACE FUNCTION audit_event_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $walls$
BEGIN
  INSERT INTO public.audit_pending (event_id) VALUES (NEW.id);
  RETURN NULL;
END $walls$;
"""

REFUSED = {
    "cosignature": "UPDATE OR DELETE OR TRUNCATE",
    "timestamp": "UPDATE OR DELETE OR TRUNCATE",
    "epochproposal": "UPDATE OR DELETE OR TRUNCATE",
    "epoch": "UPDATE OR DELETE OR TRUNCATE",
    "anchorplace": "DELETE OR TRUNCATE",
    "logstop": "UPDATE OR TRUNCATE",
}
RIGHTS = {
    "cosignature": {APP: "SELECT", SEQUENCER: "SELECT, INSERT", READER: "SELECT"},
    "timestamp": {APP: "SELECT", SEQUENCER: "SELECT, INSERT", READER: "SELECT"},
    "epochproposal": {APP: "SELECT, INSERT", SEQUENCER: "", READER: "SELECT"},
    "epoch": {APP: "SELECT, INSERT", SEQUENCER: "", READER: "SELECT"},
    "anchorplace": {APP: "SELECT", SEQUENCER: "SELECT, INSERT, UPDATE", READER: "SELECT"},
    "logstop": {APP: "SELECT", SEQUENCER: "SELECT, INSERT, DELETE", READER: "SELECT"},
}


def _walls() -> list[str]:
    return (
        [refuse(f"audit_{table}", operations) for table, operations in REFUSED.items()]
        + [f"REVOKE ALL ON audit_{table} FROM PUBLIC;" for table in RIGHTS]
        + [grant(role, r, f"audit_{table}") for table, roles in RIGHTS.items() for role, r in roles.items()]
        # Of statements their names alone: what they say is none of the log's writers' business.
        + [for_role(SEQUENCER, "GRANT SELECT (digest, predicate_type, signed_at) ON audit_statement TO cs_seq")]
    )


def _without_walls() -> list[str]:
    revoke = "REVOKE SELECT (digest, predicate_type, signed_at) ON audit_statement FROM cs_seq"
    return [f"DROP TRIGGER written_once ON audit_{table};" for table in REFUSED] + [for_role(SEQUENCER, revoke)]


class Migration(migrations.Migration):
    """What stands outside, what stops the log, and how a new one is begun."""


    dependencies = [
        ('audit', '0002_walls'),
    ]

    operations = [
        migrations.CreateModel(
            name='AnchorPlace',
            fields=[
                ('name', models.TextField(primary_key=True, serialize=False)),
                ('kind', models.TextField()),
                ('since', models.DateTimeField()),
                ('origin', models.TextField(default='')),
                ('size', models.BigIntegerField(null=True)),
                ('proof', models.TextField(default='')),
                ('succeeded_at', models.DateTimeField(null=True)),
                ('failed_at', models.DateTimeField(null=True)),
                ('failure', models.TextField(default='')),
            ],
        ),
        migrations.CreateModel(
            name='TimeStamp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(db_index=True, max_length=71)),
                ('about', models.TextField()),
                ('token', models.BinaryField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Cosignature',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('origin', models.TextField()),
                ('size', models.BigIntegerField()),
                ('witness', models.TextField()),
                ('line', models.TextField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('origin', 'size', 'witness'), name='audit_cosigned_once')],
            },
        ),
        migrations.CreateModel(
            name='EpochProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.SmallIntegerField()),
                ('origin', models.TextField()),
                ('after_origin', models.TextField()),
                ('after_size', models.BigIntegerField()),
                ('after_root', models.BinaryField()),
                ('base', models.BigIntegerField()),
                ('reason', models.TextField()),
                ('proposed_by', models.TextField()),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.event')),
            ],
        ),
        migrations.CreateModel(
            name='LogStop',
            fields=[
                ('k', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('reason', models.TextField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('k', 1)), name='audit_stop_is_one')],
            },
        ),
        migrations.CreateModel(
            name='Epoch',
            fields=[
                ('number', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('proposed_by', models.TextField()),
                ('confirmed_by', models.TextField()),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='audit.event')),
                ('proposal', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='epoch', to='audit.epochproposal')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('confirmed_by', models.F('proposed_by')), _negated=True), name='audit_epoch_takes_two')],
            },
        ),
        migrations.RunSQL(STOPPED, UNSTOPPED),
        migrations.RunSQL("\n".join(_walls()), "\n".join(_without_walls())),
    ]
