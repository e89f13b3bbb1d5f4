"""Fairway in a Django project: ``INSTALLED_APPS += ["fairway.django"]``."""

from .layers import channel_layers, get_channel_layer
from .testing import layers_for_tests

__all__ = ["channel_layers", "get_channel_layer", "layers_for_tests"]
