"""Workers: run an ASGI application or plain consumers for what interface servers send."""

from .lifespan import StartupFailed
from .loading import check_target, load_target
from .worker import Worker

__all__ = ["StartupFailed", "Worker", "check_target", "load_target"]
