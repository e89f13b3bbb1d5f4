"""A Starlette application that uses much of what ASGI has. It knows nothing of Fairway."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

notes: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"made_at_startup": "yes"}


def plain(value: Any) -> Any:
    """A scope's value as JSON can hold it."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(plain(inner) for inner in value)]
    return value


def scope_of(connection: Request | WebSocket) -> dict[str, Any]:
    keys = [
        "type",
        "asgi",
        "http_version",
        "method",
        "scheme",
        "path",
        "raw_path",
        "query_string",
        "root_path",
        "headers",
        "subprotocols",
        "extensions",
        "state",
    ]
    scope = {key: plain(connection.scope[key]) for key in keys if key in connection.scope}
    addresses = {key: plain(connection.scope[key]) for key in ("client", "server")}
    for address in addresses.values():
        address[2] = "a port"
    return {**scope, **addresses}


async def scope(request: Request) -> Response:
    return JSONResponse(scope_of(request))


async def echo(request: Request) -> Response:
    return Response(await request.body(), media_type=request.headers.get("content-type"))


async def upload(request: Request) -> Response:
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return JSONResponse({"size": size, "sha256": digest.hexdigest()})


async def form(request: Request) -> Response:
    async with request.form() as fields:
        upload = fields["file"]
        content = await upload.read()
        return JSONResponse({"name": upload.filename, "size": len(content), "a": fields["a"]})


async def unread(request: Request) -> Response:
    return PlainTextResponse("not interested", status_code=413)


async def streaming(request: Request) -> Response:
    async def rows() -> AsyncIterator[str]:
        for number in range(200):
            yield f"row {number}\n" * 50
            if number % 50 == 0:
                await asyncio.sleep(0.001)

    return StreamingResponse(rows(), media_type="text/csv")


async def large(request: Request) -> Response:
    return Response(bytes(range(256)) * 40_000, media_type="application/octet-stream")


async def slow(request: Request) -> Response:
    await asyncio.sleep(0.15)
    return PlainTextResponse("at last")


async def cookies(request: Request) -> Response:
    response = PlainTextResponse(str(sorted(request.cookies.items())))
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2", path="/b")
    response.headers.append("x-twice", "one")
    response.headers.append("x-twice", "two")
    response.headers.append("x-latin", "é")
    return response


async def empty(request: Request) -> Response:
    return Response(status_code=204)


async def unchanged(request: Request) -> Response:
    return Response(status_code=304, headers={"etag": '"x"'})


async def teapot(request: Request) -> Response:
    return PlainTextResponse("short and stout", status_code=418)


async def raises(request: Request) -> Response:
    raise ValueError("on purpose")


async def raises_midway(request: Request) -> Response:
    async def rows() -> AsyncIterator[str]:
        yield "one row, then "
        raise ValueError("on purpose")

    return StreamingResponse(rows())


async def moved(request: Request) -> Response:
    return RedirectResponse("/scope?moved=1", status_code=307)


async def background(request: Request) -> Response:
    async def work() -> None:
        await asyncio.sleep(0.01)
        notes["background"] = "done"

    notes.pop("background", None)
    return PlainTextResponse("started", background=BackgroundTask(work))


async def noted(request: Request) -> Response:
    return JSONResponse({"note": notes.get(request.path_params["name"])})


async def waits_for_disconnect(request: Request) -> Response:
    try:
        async for _ in request.stream():
            pass
        while (await request.receive())["type"] != "http.disconnect":
            pass
        notes["left"] = "noticed"
    except ClientDisconnect:
        notes["left"] = "noticed in the body"
    return PlainTextResponse("nobody reads this")


async def ws_echo(socket: WebSocket) -> None:
    wanted = socket.scope["subprotocols"]
    await socket.accept(
        subprotocol=wanted[-1] if wanted else None,
        headers=[(b"x-ws", b"1"), (b"x-ws", b"2"), (b"set-cookie", b"c=3")],
    )
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message.get("reason"))
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect as gone:
        notes["ws"] = [gone.code, gone.reason]


async def ws_scope(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(scope_of(socket))
    await socket.close()


async def ws_closes(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("bye")
    await socket.close(code=4321, reason="because")


async def ws_rejects(socket: WebSocket) -> None:
    await socket.close()


async def ws_denies(socket: WebSocket) -> None:
    await socket.send_denial_response(JSONResponse({"why": "no"}, 401, {"x-denied": "yes"}))


async def ws_raises_early(socket: WebSocket) -> None:
    raise ValueError("on purpose")


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-stamped"] = "yes"
        return response


stamped = Starlette(
    routes=[Route("/stream", streaming), Route("/echo", echo, methods=["POST"])],
    middleware=[Middleware(Stamp), Middleware(GZipMiddleware, minimum_size=100)],
)

application = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/scope", scope),
        Route("/odd path/ü", scope),
        Route("/echo", echo, methods=["POST", "PUT", "PATCH", "DELETE"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/unread", unread, methods=["POST"]),
        Route("/stream", streaming),
        Route("/large", large),
        Route("/slow", slow),
        Route("/cookies", cookies),
        Route("/empty", empty),
        Route("/unchanged", unchanged),
        Route("/teapot", teapot),
        Route("/raises", raises),
        Route("/raises-midway", raises_midway),
        Route("/moved", moved),
        Route("/background", background),
        Route("/noted/{name}", noted),
        Route("/waits", waits_for_disconnect, methods=["GET", "POST"]),
        Mount("/stamped", stamped),
        WebSocketRoute("/ws/echo", ws_echo),
        WebSocketRoute("/ws/scope", ws_scope),
        WebSocketRoute("/ws/closes", ws_closes),
        WebSocketRoute("/ws/rejects", ws_rejects),
        WebSocketRoute("/ws/denies", ws_denies),
        WebSocketRoute("/ws/raises", ws_raises_early),
    ],
)
