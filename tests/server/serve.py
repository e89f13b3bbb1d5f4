"""A process that serves an application, to be run both ways and compared.

    python serve.py module:application straight|layered

It prints its port, and ends on SIGTERM.
"""

import asyncio
import logging
import socket
import sys
import threading

import uvicorn

from fairway.memory import InMemoryChannelLayer
from fairway.server import InterfaceServer
from fairway.worker import Worker, load_target


def serve(app: object) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=5)
    uvicorn.Server(config).run(sockets=[listener])


def serve_layered(path: str) -> None:
    layer = InMemoryChannelLayer()
    worker = Worker(layer, path)
    thread = threading.Thread(target=lambda: asyncio.run(worker.run()))
    thread.start()
    try:
        serve(InterfaceServer(layer))
    finally:
        worker.stop()
        thread.join()


logging.disable(logging.CRITICAL)  # they raise on purpose
path, way = sys.argv[1:]
serve_layered(path) if way == "layered" else serve(load_target(path))
