"""A project for Channels 4. Nothing in it knows Fairway but CHANNEL_LAYERS."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

if find_spec("MySQLdb") is None:
    import pymysql

    pymysql.install_as_MySQLdb()

FOLDER = Path(os.environ["DROPIN_FOLDER"])
LAYER = json.loads(os.environ["DROPIN_LAYER"])

SECRET_KEY = "only for tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "dropin.urls"
ASGI_APPLICATION = "dropin.asgi.application"
INSTALLED_APPS = [
    "daphne",
    "channels",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "dropin",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(FOLDER / "site.sqlite3"),
        "TEST": {"NAME": str(FOLDER / "test.sqlite3")},
    },
    **json.loads(os.environ["DROPIN_DATABASES"]),
}
CHANNEL_LAYERS = {"default": LAYER}
