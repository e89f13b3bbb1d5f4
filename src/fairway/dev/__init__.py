"""Interface server and worker in one process, over one in-memory layer: for development."""

from .pair import Pair
from .reload import run_reloading
from .run import Settings, run

__all__ = ["Pair", "Settings", "run", "run_reloading"]
