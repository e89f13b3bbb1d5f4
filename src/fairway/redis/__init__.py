"""The Redis layer: one server or several, Redis 6.2 or later, or Valkey (extra ``redis``)."""

from .layer import RedisChannelLayer

__all__ = ["RedisChannelLayer"]
