"""What `fairway dev` adds to an application that uvicorn could serve directly."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection
from statistics import quantiles

from websockets.asyncio.client import connect

from .case import Case, Figures, Metric, Stage

_TEXT = "x" * 100


def _http(stage: Stage, count: int) -> Figures:
    connection = HTTPConnection("127.0.0.1", stage.port, timeout=20)
    spans = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("GET", "/")
        connection.getresponse().read()
        spans.append(time.perf_counter() - start)
    connection.close()
    return _percentiles(spans)


def _websocket(stage: Stage, count: int) -> Figures:
    return _percentiles(asyncio.run(_echoes(stage.port, count)))


async def _echoes(port: int, count: int) -> list[float]:
    spans = []
    async with connect(f"ws://127.0.0.1:{port}/", proxy=None) as websocket:
        for _ in range(count):
            start = time.perf_counter()
            await websocket.send(_TEXT)
            await websocket.recv()
            spans.append(time.perf_counter() - start)
    return spans


def _percentiles(spans: list[float]) -> Figures:
    percents = quantiles(spans, n=100)
    return {"p50": percents[49] * 1e6, "p99": percents[98] * 1e6}


def _metrics(what: str) -> tuple[Metric, ...]:
    return tuple(
        Metric(percent, f"{what}, {percent}", "µs", "less", compared="difference")
        for percent in ("p50", "p99")
    )


CASES = [
    Case(
        "dev.http", "dev", _metrics("HTTP request"), _http, count=1000, quick=20, fixed=True
    ),
    Case(
        "dev.websocket", "dev", _metrics("WebSocket echo"), _websocket,
        count=1000, quick=20, fixed=True,
    ),
]  # fmt: skip
