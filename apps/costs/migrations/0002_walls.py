from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only


class Migration(migrations.Migration):
    dependencies = [("costs", "0001_initial"), ("audit", "0002_walls")]

    operations = [append_only("costs_costentry"), append_only("costs_rate")]
