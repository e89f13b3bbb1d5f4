"""The settings of the project; ``FAIRWAY_PROJECT`` holds what tests change, as JSON."""

import json
import os
from pathlib import Path

given = json.loads(os.environ["FAIRWAY_PROJECT"])

DEBUG = given.get("debug", True)
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    *given.get("apps", ["fairway.django"]),
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "project_urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
DATABASES = given["databases"]
CHANNEL_LAYERS = given["layers"]
if "routing" in given:
    CHANNEL_ROUTING = given["routing"]
if "application" in given:
    ASGI_APPLICATION = given["application"]
STATIC_URL = "static/"
STATICFILES_DIRS = [Path(__file__).parent / "static"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
