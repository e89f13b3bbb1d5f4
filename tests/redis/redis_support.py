"""What the tests of the Redis layer share."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from benchmarks.redis_server import RedisServer

from fairway.redis import RedisChannelLayer
from waiting import eventually, until, wait_for

#: So that leases lapse, and heartbeats come, within the length of a test.
FAST = {"heartbeat": 0.2, "lease": 1.0}

#: Seconds in which service is back after the server is: promised, and what a busy machine needs.
BACK_WITHIN = 2.0
SLACK = 3

MakeLayer = Callable[..., RedisChannelLayer]


class Line:
    """A way to a server that garbles what comes back, once, when it is told to."""

    def __init__(self, server: RedisServer):
        self._server = server
        self._garble = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def garble(self) -> None:
        """The next bytes from the server arrive as others."""
        self._garble = True

    def serve(self) -> None:
        """Accept connections until :meth:`close`."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server.port))
            for one, other, back in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=(one, other, back)).start()

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, one: socket.socket, other: socket.socket, back: bool) -> None:
        try:
            with suppress(OSError):  # the other side is gone
                while data := one.recv(65536):
                    if back and self._garble:
                        self._garble, data = False, b"?" * len(data)
                    other.sendall(data)
        finally:
            for end in (one, other):
                with suppress(OSError):  # the other thread was first
                    end.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def garbling_line(server: RedisServer) -> Iterator[Line]:
    """A :class:`Line` that serves."""
    line = Line(server)
    with closing(line):
        serving = threading.Thread(target=line.serve)
        serving.start()
        yield line
    serving.join()


async def members_are(layer: RedisChannelLayer, group: str, channels: Sequence[str]) -> None:
    """Wait until these are in the group: the heartbeat of a busy process may be late."""

    async def listed() -> bool:
        return sorted(await layer.group_channels(group)) == sorted(channels)

    await eventually(listed, f"{group} has other members than {channels}")


__all__ = [
    "BACK_WITHIN",
    "FAST",
    "SLACK",
    "MakeLayer",
    "eventually",
    "garbling_line",
    "members_are",
    "until",
    "wait_for",
]
