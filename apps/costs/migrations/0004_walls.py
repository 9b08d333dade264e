from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only

FACTS = ("costline", "budgetalert", "budgetexcess", "quote", "costimport", "importedcost")


class Migration(migrations.Migration):
    dependencies = [("costs", "0003_attempts"), ("audit", "0002_walls")]

    operations = [append_only(f"costs_{table}") for table in FACTS]
