"""The service's own settings over a throw-away state folder, with a cheap password hasher."""

from __future__ import annotations

import os
import tempfile

# Workers of a parallel run inherit the folder from the process that started them.
if "COUNTERSIGN_TEST_STATE" not in os.environ:
    os.environ["COUNTERSIGN_TEST_STATE"] = tempfile.mkdtemp(prefix="countersign-test-")
os.environ["COUNTERSIGN_STATE"] = os.environ["COUNTERSIGN_TEST_STATE"]
os.environ["COUNTERSIGN_DATABASE_ROLE"] = "owner"  # the test database is made by the owner of the schema
os.environ["COUNTERSIGN_SECRET_KEY"] = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
os.environ["COUNTERSIGN_BASE_URL"] = "http://127.0.0.1:8000"
if "DATABASE_URL" not in os.environ:
    os.environ.pop("COUNTERSIGN_OWNER_DATABASE_URL", None)

from governance.settings import *  # noqa: F403 - the environment comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
