from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from governance.pace import paced

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

application = paced(get_wsgi_application())
