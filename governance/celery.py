"""The Celery application: queues by what the work needs."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from celery.signals import worker_process_init

from governance.tracing import collect
