from __future__ import annotations

from django.db import migrations

from apps.approvals.states import APPROVAL_MOVES, FINDING_MOVES
from apps.audit.sql import append_only, lifecycle, refuse

SUBMITTER = """
ALTER TABLE approvals_signoff ADD CONSTRAINT signoff_names_the_submitter
  FOREIGN KEY (approval_id, submitter_id) REFERENCES approvals_approval (id, submitter_id);
"""

# Nobody signs for a model that they, in any account, own or ever built: checked by the database itself.
INDEPENDENT = """
CREATE FUNCTION approvals_signer_is_independent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  subject_model bigint;
  human text;
BEGIN
  SELECT p.identity INTO human FROM access_person p WHERE p.id = NEW.person_id AND NOT p.is_service;
  IF human IS NULL OR human <> NEW.identity THEN
    RAISE EXCEPTION 'approvals_signoff: the signer is not the person named' USING ERRCODE = 'check_violation';
  END IF;
  SELECT v.model_id INTO subject_model FROM approvals_approval a
    JOIN inventory_modelversion v ON v.id = a.version_id WHERE a.id = NEW.approval_id;
  IF EXISTS (
    SELECT 1 FROM inventory_registeredmodel m JOIN access_person p ON p.id = m.owner_id
      WHERE m.id = subject_model AND p.identity = human
    UNION ALL
    SELECT 1 FROM approvals_approval a JOIN access_person p ON p.id = a.submitter_id
      WHERE a.id = NEW.approval_id AND p.identity = human
    UNION ALL
    SELECT 1 FROM inventory_contribution c
      JOIN inventory_modelversion v ON v.id = c.version_id
      JOIN access_person p ON p.id = c.person_id
      WHERE v.model_id = subject_model AND p.identity = human
  ) THEN
    RAISE EXCEPTION 'approvals_signoff: the signer built, owns or submitted this model'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER signer_is_independent BEFORE INSERT ON approvals_signoff
  FOR EACH ROW EXECUTE FUNCTION approvals_signer_is_independent();
ALTER TABLE approvals_signoff ENABLE ALWAYS TRIGGER signer_is_independent;
"""

# What is approved changes only when a returned approval is opened again; what a grant says, only with the
# grant; nothing at all without a move.
STANDS = """
CREATE FUNCTION approvals_approval_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.state = OLD.state
     OR (NEW.id, NEW.version_id, NEW.use_id, NEW.submitter_id, NEW.opened_at)
        IS DISTINCT FROM (OLD.id, OLD.version_id, OLD.use_id, OLD.submitter_id, OLD.opened_at)
     OR (NEW.state <> 'open' AND (NEW.decision_id, NEW.subject, NEW.steps, NEW.round)
        IS DISTINCT FROM (OLD.decision_id, OLD.subject, OLD.steps, OLD.round))
     OR (NEW.state <> 'granted' AND (NEW.limits, NEW.expires_at, NEW.statement_digest)
        IS DISTINCT FROM (OLD.limits, OLD.expires_at, OLD.statement_digest))
  THEN
    RAISE EXCEPTION 'approvals_approval: what people signed does not change'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approval_stands BEFORE UPDATE ON approvals_approval
  FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION approvals_approval_stands();
ALTER TABLE approvals_approval ENABLE ALWAYS TRIGGER approval_stands;
"""

UNDO = """
DROP TRIGGER approval_stands ON approvals_approval;
DROP FUNCTION approvals_approval_stands();
DROP TRIGGER signer_is_independent ON approvals_signoff;
DROP FUNCTION approvals_signer_is_independent();
ALTER TABLE approvals_signoff DROP CONSTRAINT signoff_names_the_submitter;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_initial"),
        ("audit", "0002_walls"),
    ]

    operations = [
        migrations.RunSQL(SUBMITTER + INDEPENDENT + STANDS, UNDO),
        lifecycle("approvals_approval", "state", APPROVAL_MOVES),
        lifecycle("approvals_finding", "state", FINDING_MOVES),
        append_only("approvals_signoff"),
        append_only("approvals_waiver"),
        append_only("approvals_attestation"),
        append_only("approvals_comment"),
        append_only("approvals_document"),
        migrations.RunSQL(
            refuse("approvals_waiverrequest", "DELETE OR TRUNCATE"),
            "DROP TRIGGER written_once ON approvals_waiverrequest;",
        ),
    ]
