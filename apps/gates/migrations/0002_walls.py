from __future__ import annotations

from django.db import migrations

from apps.audit.sql import append_only, lifecycle
from apps.gates.states import RUN_MOVES


class Migration(migrations.Migration):
    """Runs move only along their lifecycle; evidence, decisions and policy releases are written once."""

    dependencies = [("gates", "0001_initial"), ("audit", "0002_walls")]

    operations = [
        lifecycle("gates_run", "state", RUN_MOVES),
        append_only("gates_evidence"),
        append_only("gates_decision"),
        append_only("gates_policyrelease"),
    ]
