"""Layers between two processes: one sends, the other receives."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import quantiles

from . import procedures
from .case import Case, Figures, Metric, Stage

IN_FLIGHT = 100
#: Deliveries that a sender may be ahead of its receivers: more of a backlog than any
#: process holds in earnest, and what would be measured is how memory gets slow.
DELIVERIES = 25_000
#: Seconds between two messages whose way is timed: longer than any layer takes for one.
PAUSE = 0.003


def two_process_cases(family: str, bars: dict[str, dict[str, float]]) -> list[Case]:
    """The cases of a family; ``bars`` by ``case`` or ``case:metric``."""

    def bar(key: str) -> dict[str, float]:
        return bars.get(key, {})

    def rate(key: str, title: str, unit: str) -> tuple[Metric, ...]:
        return (Metric("rate", title, unit, bars=bar(key)),)

    return [
        Case(
            f"{family}.specific", family,
            rate("specific", "process-specific channel, 100 in flight", "msg/s"),
            messages, prepare=warm_specific, count=1000, quick=200,
        ),
        Case(
            f"{family}.normal", family,
            rate("normal", "normal channel, 100 in flight", "msg/s"),
            messages, prepare=warm_up, count=1000, quick=200,
        ),
        Case(
            f"{family}.fan-out-100", family,
            rate("fan-out-100", "fan-out to 100 members", "deliveries/s"),
            fan_out(100), prepare=join(100), count=40, quick=2,
        ),
        Case(
            f"{family}.fan-out-1000", family,
            rate("fan-out-1000", "fan-out to 1000 members", "deliveries/s"),
            fan_out(1000), prepare=join(1000), count=4, quick=1,
        ),
        Case(
            f"{family}.latency", family,
            (
                Metric("p50", "one send to one receive, p50", "µs", "less", bar("latency:p50")),
                Metric("p99", "one send to one receive, p99", "µs", "less", bar("latency:p99")),
            ),
            _latency, prepare=warm_specific, count=300, quick=20, fixed=True,
        ),
        Case(
            f"{family}.group-latency", family,
            (
                Metric(
                    "p50", "one group_send to 1000 members, to the last, p50", "µs", "less",
                    bar("group-latency:p50"),
                ),
            ),
            _group_latency, prepare=join(1000), count=30, quick=2, fixed=True,
        ),
        Case(
            f"{family}.group-add", family,
            rate("group-add", "group_add, 100 in flight", "calls/s"),
            _group_add, count=1000, quick=200,
        ),
        Case(
            f"{family}.async-to-sync", family,
            (
                Metric(
                    "rate", "async_to_sync(group_send) from a plain thread", "calls/s",
                    bars=bar("async-to-sync:rate"),
                ),
                Metric(
                    "nothing", "async_to_sync of an empty coroutine", "calls/s", compared=""
                ),
                Metric(
                    "", "the former ÷ the latter", "×",
                    bars=bar("async-to-sync:ratio"), compared="", quotient=("rate", "nothing"),
                ),
            ),
            _async_to_sync, prepare=_one_member, count=300, quick=20,
        ),
        Case(
            f"{family}.blocking", family,
            rate("blocking", "group_send from a plain thread, the quickest way", "calls/s"),
            _blocking(1), prepare=_one_member, count=300, quick=20,
        ),
        Case(
            f"{family}.blocking-16", family,
            rate("blocking-16", "group_send from 16 threads, the quickest way", "calls/s"),
            _blocking(16), prepare=_one_member, count=320, quick=32,
        ),
    ]  # fmt: skip


def warm_specific(stage: Stage) -> None:
    stage.channel = stage.receiver.call(procedures.new_channel)
    warm_up(stage)


def warm_up(stage: Stage) -> None:
    """Have both sides connected: a layer that publishes loses what comes before it listens."""
    stage.receiver.start(procedures.receive, stage.channel, 1)
    while stage.receiver.busy():
        stage.sender.call(procedures.send_one, stage.channel, procedures.WARM)
        time.sleep(0.02)
    stage.receiver.result()
    stage.receiver.start(procedures.receive_until_go, stage.channel)
    stage.sender.call(procedures.send_one, stage.channel, procedures.GO)
    stage.receiver.result()


def messages(stage: Stage, count: int) -> Figures:
    count = count // IN_FLIGHT * IN_FLIGHT
    stage.receiver.start(procedures.receive, stage.channel, count)
    start = stage.sender.call(procedures.send, stage.channel, count, IN_FLIGHT)
    return {"rate": count / (stage.receiver.result() - start)}


def join(members: int) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.receiver.call(procedures.join, stage.group, members)

    return prepare


def fan_out(members: int) -> Callable[[Stage, int], Figures]:
    def measure(stage: Stage, count: int) -> Figures:
        most = max(1, DELIVERIES // members)
        parts = [min(most, count - done) for done in range(0, count, most)]
        return {"rate": members * count / sum(_group_sends(stage, part) for part in parts)}

    return measure


def _group_sends(stage: Stage, count: int) -> float:
    """Seconds from before the first until after the last is received."""
    stage.receiver.start(procedures.receive_each, stage.group, count)
    start = stage.sender.call(procedures.group_send, stage.group, count)
    return float(stage.receiver.result() - start)


def _latency(stage: Stage, count: int) -> Figures:
    stage.receiver.start(procedures.receive_ages, stage.channel, count)
    stage.sender.call(procedures.send_paced, stage.channel, count, PAUSE)
    percents = quantiles(stage.receiver.result(), n=100)
    return {"p50": percents[49] * 1e6, "p99": percents[98] * 1e6}


def _group_latency(stage: Stage, count: int) -> Figures:
    spans = []
    for _ in range(count):
        stage.receiver.call(procedures.await_one_each, stage.group)
        start = stage.sender.call(procedures.group_send, stage.group, 1)
        spans.append(stage.receiver.call(procedures.last_of_them) - start)
    return {"p50": quantiles(spans, n=2)[0] * 1e6}


def _group_add(stage: Stage, count: int) -> Figures:
    count = count // IN_FLIGHT * IN_FLIGHT
    return {"rate": stage.receiver.call(procedures.group_adds, stage.group, count, IN_FLIGHT)}


def _one_member(stage: Stage) -> None:
    stage.receiver.call(procedures.join, stage.group, 1)
    stage.receiver.call(procedures.discard_for_ever, stage.group)


def _async_to_sync(stage: Stage, count: int) -> Figures:
    rate = stage.plain.call(procedures.sync_group_sends, stage.group, count)
    nothing = stage.plain.call(procedures.sync_of_nothing, count)
    return {"rate": rate, "nothing": nothing}


def _blocking(threads: int) -> Callable[[Stage, int], Figures]:
    def measure(stage: Stage, count: int) -> Figures:
        call = procedures.thread_group_sends
        return {"rate": stage.plain.call(call, stage.group, count, threads)}

    return measure
