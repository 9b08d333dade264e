from __future__ import annotations

import django.db.models.functions.text
from django.db import migrations, models

# An identity only ends; erasing a person also takes away what the provider calls them.
ERASABLE = """
CREATE FUNCTION access_identity_ends() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  IF to_jsonb(NEW) - 'ended_at' - 'subject' <> to_jsonb(OLD) - 'ended_at' - 'subject'
     OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
     OR NEW.ended_at IS NULL
     OR (NEW.subject <> OLD.subject AND NEW.subject <> 'erased-' || OLD.id) THEN
    RAISE EXCEPTION 'access_externalidentity: an identity can only be ended' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $walls$;
DROP TRIGGER only_ends ON access_externalidentity;
CREATE TRIGGER only_ends BEFORE UPDATE ON access_externalidentity
  FOR EACH ROW EXECUTE FUNCTION access_identity_ends();
ALTER TABLE access_externalidentity ENABLE ALWAYS TRIGGER only_ends;
"""
UNDO = """
DROP TRIGGER only_ends ON access_externalidentity;
CREATE TRIGGER only_ends BEFORE UPDATE ON access_externalidentity
  FOR EACH ROW EXECUTE FUNCTION access_only_ends('ended_at');
ALTER TABLE access_externalidentity ENABLE ALWAYS TRIGGER only_ends;
DROP FUNCTION access_identity_ends();
"""


class Migration(migrations.Migration):

    dependencies = [("access", "0010_federation")]

    operations = [
        migrations.AddField("directoryaccount", "user_name", models.CharField(default="", max_length=255), preserve_default=False),
        migrations.AddField("directoryaccount", "display_name", models.CharField(blank=True, default="", max_length=200), preserve_default=False),
        migrations.AddField("directoryaccount", "removed_at", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "directoryaccount",
            models.UniqueConstraint(
                models.F("directory"), django.db.models.functions.text.Lower("user_name"), name="directory_user_named_once"
            ),
        ),
        migrations.RunSQL(ERASABLE, UNDO),
    ]
