from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# By name and then in the order of time; a longer name is cut.
TITLED = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_titled
ON audit_event (left(lower(doc #>> '{object,name}'), 100) text_pattern_ops, occurred_at)
"""
ASKED = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_request
ON audit_event ((doc ->> 'request_id'), occurred_at)
"""
FORMER = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_named
ON audit_event (left(lower(doc #>> '{object,name}'), 100) text_pattern_ops)
"""


class Migration(migrations.Migration):
    """Every filter of the trail has an index in the order of time, built while events are written."""

    atomic = False

    dependencies = [("audit", "0006_lighter_events")]

    operations = [
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(fields=["object_type", "occurred_at"], name="audit_event_kind"),
        ),
        migrations.RunSQL(TITLED, "DROP INDEX CONCURRENTLY IF EXISTS audit_event_titled"),
        migrations.RunSQL(ASKED, "DROP INDEX CONCURRENTLY IF EXISTS audit_event_request"),
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS audit_event_named", FORMER),
    ]
