"""The in-memory layer: one process, any number of threads and event loops."""

from .layer import InMemoryChannelLayer
from .store import MemoryStore

__all__ = ["InMemoryChannelLayer", "MemoryStore"]
