from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

# What an object is called, for a search by its beginning; a longer name is cut.
NAMED = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_named
ON audit_event (left(lower(doc #>> '{object,name}'), 100) text_pattern_ops)
"""


class Migration(migrations.Migration):
    """A compromise may turn out to be earlier; events are found by their object's id and by its name.

    Indexes are built while events are written.
    """

    atomic = False

    dependencies = [("audit", "0003_outside_anchors")]

    operations = [
        migrations.AddConstraint(
            model_name="keyend",
            constraint=models.UniqueConstraint(fields=("key", "revoked", "at"), name="audit_key_end_once"),
        ),
        migrations.RemoveConstraint(model_name="keyend", name="audit_key_ends_once"),
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(fields=["object_id", "object_type", "occurred_at"], name="audit_event_thing"),
        ),
        migrations.RunSQL(NAMED, "DROP INDEX CONCURRENTLY IF EXISTS audit_event_named"),
        RemoveIndexConcurrently(model_name="event", name="audit_event_object"),
    ]
