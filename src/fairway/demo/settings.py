"""Django's settings where the demo runs over a SQLite file: nothing but the database."""

import os

from .apart import FILE

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ[FILE]},
}
