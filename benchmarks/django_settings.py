"""Django's settings in a process that tests or measures the database layer.

``FAIRWAY_DATABASES`` holds ``DATABASES`` as JSON, so that child processes see the same.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec

from . import mysql_driver  # noqa: F401  # Django finds it in its place

DATABASES = {
    "default": {"ENGINE": "django.db.backends.dummy"},
    **json.loads(os.environ.get("FAIRWAY_DATABASES", "{}")),
}
# The peer has models of its own.
PEER = "channels_postgres"
INSTALLED_APPS = ["fairway.django", *([PEER] if find_spec(PEER) else [])]
SECRET_KEY = "only for tests"
USE_TZ = True
