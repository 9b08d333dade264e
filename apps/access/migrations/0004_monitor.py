from django.db import migrations


class Migration(migrations.Migration):
    """Holds its place: what followed depends on it by name."""

    dependencies = [("access", "0003_second_factors")]

    operations: list[migrations.operations.base.Operation] = []
