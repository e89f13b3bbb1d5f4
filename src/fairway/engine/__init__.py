"""Binds core and the shards of a store to event loops: flushers write, one pump reads."""

from .engine import Engine, EngineOptions

__all__ = ["Engine", "EngineOptions"]
