"""TCP ports for servers that are to be told theirs before they start."""

from __future__ import annotations

import socket
from pathlib import Path
from random import SystemRandom

#: Above those that well-known servers have.
_FIRST = 10_240
#: Where the system's own choices begin, as far as it tells.
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_END = 32_768


def free_port() -> int:
    """A port that nobody listens on just now, and that the system gives to nobody meanwhile.

    It hands out others to whoever asks for any, as the servers and connections of tests that
    run at the same time do all the while.
    """
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else _USUAL_END
    # Not the generator that tests seed alike in each of their processes.
    chance = SystemRandom()
    while True:
        port = chance.randrange(_FIRST, max(end, _FIRST + 1000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
