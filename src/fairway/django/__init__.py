"""Fairway in a Django project: ``INSTALLED_APPS += ["fairway.django"]``."""
