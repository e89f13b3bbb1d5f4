"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig


class FairwayConfig(AppConfig):
    """Has commands, and no models: what channel layers store is none of migrations' business."""

    name = "fairway.django"
    label = "fairway"
    verbose_name = "Fairway"
