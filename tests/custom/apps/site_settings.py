"""A Django project on a layer that nobody of ours has made."""

import os

from django.http import HttpRequest, HttpResponse
from django.urls import path

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["fairway.django"]
ROOT_URLCONF = __name__
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ["SITE_BACKEND"],
        "CONFIG": {"directory": os.environ["SITE_DIRECTORY"]},
    }
}


def greet(request: HttpRequest) -> HttpResponse:
    return HttpResponse("from Django")


urlpatterns = [path("", greet)]
