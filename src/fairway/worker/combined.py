"""Consumers for what has a route; an application for the HTTP requests that have none."""

from __future__ import annotations

from collections.abc import Sequence

from ..server.protocol import HTTP_EVENTS
from ..types import Message
from .application import ApplicationHost
from .consumers import ConsumerHost
from .host import Host, Job


class CombinedHost(Host):
    """Asks the routes first, so that a route may take a request from the application."""

    def __init__(self, consumers: ConsumerHost, application: ApplicationHost):
        self._consumers = consumers
        self._application = application
        self.channels = list(dict.fromkeys([*consumers.channels, *HTTP_EVENTS]))

    async def start(self) -> None:
        await self._application.start()
        await self._consumers.start()

    async def close(self) -> None:
        await self._consumers.close()
        await self._application.close()

    def pools(self, channel: str) -> Sequence[str]:
        pools = set(self._consumers.pools(channel))
        if channel == "http.request":
            pools.update(self._application.pools(channel))
        return sorted(pools)

    def job(self, channel: str, message: Message) -> Job:
        if channel == "http.request" and not self._consumers.has_route(channel, message):
            return self._application.job(channel, message)
        return self._consumers.job(channel, message)

    async def stop(self) -> None:
        await self._consumers.stop()
        await self._application.stop()
