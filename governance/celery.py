"""The Celery application: queues by what the work needs."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

QUEUES = ("quick", "heavy", "gpu", "quarantine")

app = Celery("countersign")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = {name: {"exchange": name, "routing_key": name} for name in QUEUES}
app.autodiscover_tasks()
