from __future__ import annotations

from django.db import migrations

# A finding moves along its lifecycle; what it says of which model, and how grave it is, stays as opened.
STANDS = """
CREATE FUNCTION approvals_finding_stands() RETURNS trigger LANGUAGE plpgsql AS $walls$
BEGIN
  RAISE EXCEPTION 'approvals_finding: what a finding says does not change'
    USING ERRCODE = 'restrict_violation';
END $walls$;
CREATE TRIGGER finding_stands BEFORE UPDATE ON approvals_finding FOR EACH ROW
  WHEN ((OLD.id, OLD.model_id, OLD.version_id, OLD.decision_id, OLD.gate, OLD.title, OLD.detail,
         OLD.severity, OLD.opened_by_id, OLD.opened_at)
    IS DISTINCT FROM (NEW.id, NEW.model_id, NEW.version_id, NEW.decision_id, NEW.gate, NEW.title, NEW.detail,
         NEW.severity, NEW.opened_by_id, NEW.opened_at))
  EXECUTE FUNCTION approvals_finding_stands();
ALTER TABLE approvals_finding ENABLE ALWAYS TRIGGER finding_stands;
"""

UNDO = """
DROP TRIGGER finding_stands ON approvals_finding;
DROP FUNCTION approvals_finding_stands();
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_walls")]

    operations = [migrations.RunSQL(STANDS, UNDO)]
