"""The database layer: any alias of Django's ``DATABASES`` (extras ``postgres``, ``mysql``)."""

from .layer import DatabaseChannelLayer

__all__ = ["DatabaseChannelLayer"]
