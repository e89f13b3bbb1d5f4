"""Runs an ASGI 3 application for the connections that come to this worker."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..server.asgi import Application
from ..server.protocol.scopes import scope_of
from ..types import Message
from .host import Host, Job
from .http import HttpSession
from .lifespan import Lifespan
from .session import ClientDisconnected, Ground, Session
from .websocket import WebSocketSession

logger = logging.getLogger("fairway.worker")

_SESSIONS: dict[str, type[Session]] = {
    "http.request": HttpSession,
    "websocket.connect": WebSocketSession,
}


class ApplicationHost(Host):
    """One task per connection. Requests count as work under way, open WebSockets don't."""

    channels: Sequence[str] = list(_SESSIONS)

    def __init__(self, ground: Ground, application: Application):
        self._ground = ground
        self._application = application
        self._lifespan = Lifespan(application)
        self._sessions: set[Session] = set()

    async def start(self) -> None:
        await self._lifespan.start()

    async def close(self) -> None:
        await self._lifespan.stop()

    def pools(self, channel: str) -> Sequence[str]:
        return ["tasks"] if channel == "http.request" else []

    def job(self, channel: str, message: Message) -> Job:
        pool = "tasks" if channel == "http.request" else None
        return Job(pool, self._run(_SESSIONS[channel](self._ground, message)))

    async def stop(self) -> None:
        for session in list(self._sessions):
            await session.stop()

    async def _run(self, session: Session) -> None:
        self._sessions.add(session)
        try:
            await self._call(session)
        finally:
            session.release()
            self._sessions.discard(session)

    async def _call(self, session: Session) -> None:
        scope = scope_of(session.event, self._lifespan.state)
        try:
            await self._application(scope, session.receive, session.send)
        except ClientDisconnected:
            logger.debug("%s: the client left before the end", session)
        except Exception:
            logger.exception("the application raised: %s", session)
            await session.fail()
        except BaseException:
            await session.fail()
            raise
        else:
            await session.finish()
