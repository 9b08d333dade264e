from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from governance.counting import count_together
from governance.pace import paced
from governance.timely import timely
from governance.tracing import collect

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

# Before anything is counted, and in each process of the web.
count_together()
collect("web")
application = paced(timely(get_wsgi_application(), settings.LONGEST_WAIT_SECONDS))
