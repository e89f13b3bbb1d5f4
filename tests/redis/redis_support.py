"""What the tests of the Redis layer share."""

from collections.abc import Callable

from fairway.redis import RedisChannelLayer
from waiting import eventually, until, wait_for

#: So that leases lapse, and heartbeats come, within the length of a test.
FAST = {"heartbeat": 0.2, "lease": 1.0}

#: Seconds in which service is back after the server is: promised, and what a busy machine needs.
BACK_WITHIN = 2.0
SLACK = 3

MakeLayer = Callable[..., RedisChannelLayer]

__all__ = ["BACK_WITHIN", "FAST", "SLACK", "MakeLayer", "eventually", "until", "wait_for"]
