"""Binds core and the shards of a store to event loops: flushers write, one pump reads."""

from .engine import Engine, EngineOptions
from .pace import PACE_KEYS, Pace

__all__ = ["PACE_KEYS", "Engine", "EngineOptions", "Pace"]
