"""The Redis layer: one server or several, Redis 6.2 or later, or Valkey (extra ``redis``)."""

from ..extras import needed

_BROUGHT = "pip install 'fairway[redis]' brings it"

with needed("the Redis layer", {"redis": _BROUGHT, "hiredis": _BROUGHT}):
    from .layer import RedisChannelLayer

__all__ = ["RedisChannelLayer"]
