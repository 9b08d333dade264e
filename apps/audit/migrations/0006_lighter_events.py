import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What only the log's own trigger and command write refers to events without a lock on each of them.

    `manage.py audit_fsck` names a row that refers to no event.
    """

    dependencies = [("audit", "0005_legal_holds")]

    operations = [
        migrations.AlterField(
            model_name="pending",
            name="event",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="pending",
                to="audit.event",
            ),
        ),
        migrations.AlterField(
            model_name="personal",
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="personal",
                to="audit.event",
            ),
        ),
    ]
