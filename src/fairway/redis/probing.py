"""Whether servers answer, before anything depends on them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import redis.exceptions

from ..errors import StoreUnavailable
from .dialing import Dialer, within
from .hosts import Host, named_dialers


async def unanswered(hosts: Host | Sequence[Host] | None, patience: float) -> dict[str, str]:
    """Of the servers in ``hosts``, those that don't answer, and why; all are asked at once.

    ``patience``: seconds that each has. Raises :class:`ConfigurationError` for ``hosts`` that
    are none.
    """
    dialers = named_dialers(hosts)
    problems = await asyncio.gather(*(_problem(dialer, patience) for dialer in dialers.values()))
    return {name: problem for name, problem in zip(dialers, problems, strict=True) if problem}


async def _problem(dialer: Dialer, patience: float) -> str | None:
    try:
        await within(patience, _ping(dialer))
    except asyncio.TimeoutError:
        return f"no answer within {patience:g} seconds"
    except (StoreUnavailable, redis.exceptions.RedisError, OSError) as error:
        return str(error)
    return None


async def _ping(dialer: Dialer) -> None:
    connection = await dialer.dial()
    try:
        await connection.send_command("PING")
        await connection.read_response()
    finally:
        await connection.disconnect()
