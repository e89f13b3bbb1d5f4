"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig

from ..routing.current import set_default
from .checks import register_checks
from .layers import own_layer


class FairwayConfig(AppConfig):
    """Has commands, and no models: what channel layers store is none of migrations' business."""

    name = "fairway.django"
    label = "fairway"
    verbose_name = "Fairway"

    def ready(self) -> None:
        """Check settings, and let ``Group("chat")`` in a view mean their default layer."""
        register_checks()
        set_default(own_layer)
