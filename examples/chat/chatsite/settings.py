"""Settings for both ways of running it; what they need of Fairway is at the end."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
DEBUG = True
SECRET_KEY = "of no use to anybody"
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = [
    "fairway.django",  # first, so that runserver and runworker are Fairway's
    "channels",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "chat",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "chatsite.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"},
}
STATIC_URL = "static/"
USE_TZ = True

if "REDIS_URLS" in os.environ:
    LAYER = {
        "BACKEND": "fairway.redis.RedisChannelLayer",
        "CONFIG": {"hosts": os.environ["REDIS_URLS"].split(",")},
    }
else:
    LAYER = {"BACKEND": "fairway.database.DatabaseChannelLayer", "CONFIG": {"alias": "default"}}

CHANNEL_LAYERS = {"default": LAYER}
CHANNEL_ROUTING = "chat.routes.routes"  # what Fairway's workers run, beside Django's views
ASGI_APPLICATION = "chatsite.asgi.application"  # what daphne, uvicorn and Channels run
