"""The Celery application: queues by what the work needs."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.signals import worker_process_init

from governance.tracing import collect

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

QUEUES = ("quick", "heavy", "gpu", "quarantine")


class SetBack(Task):  # type: ignore[misc]  # the library has no types
    """A task that the database set back, for a deadlock or a clash, is made again as a request is."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from apps.audit.retrying import retried

        return retried(lambda: super(SetBack, self).__call__(*args, **kwargs))


app = Celery("countersign", task_cls=SetBack)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = {name: {"exchange": name, "routing_key": name} for name in QUEUES}
app.autodiscover_tasks()


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _collect_traces(**told: object) -> None:
    """After the fork: the thread that sends spans does not survive one."""
    collect("worker")
