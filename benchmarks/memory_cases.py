"""The in-memory layers, within one process."""

from __future__ import annotations

from . import memory_procedures as procedures
from .case import Case, Figures, Metric, Stage
from .procedures import join

MEMBERS = 1000


def _messages(stage: Stage, count: int) -> Figures:
    return {"rate": stage.receiver.call(procedures.messages, count)}


def _join(stage: Stage) -> None:
    stage.receiver.call(join, stage.group, MEMBERS)


def _fan_out(stage: Stage, count: int) -> Figures:
    return {"rate": stage.receiver.call(procedures.fan_out, stage.group, count)}


def _threads(stage: Stage, count: int) -> Figures:
    on_the_loop = stage.receiver.call(procedures.sends_on_the_loop, count)
    from_a_thread = stage.receiver.call(procedures.sends_from_a_thread, count)
    return {"loop": on_the_loop, "thread": from_a_thread}


def _million(stage: Stage, count: int) -> Figures:
    return {"ratio": stage.receiver.call(procedures.memory_of_channels, count)}


CASES = [
    Case(
        "memory.messages",
        "memory",
        (Metric("rate", "process-specific channel", "msg/s", bars={"channels.memory": 3}),),
        _messages,
        count=20_000,
        quick=200,
    ),
    Case(
        "memory.fan-out-1000",
        "memory",
        (Metric("rate", "fan-out to 1000 members", "deliveries/s", bars={"channels.memory": 40}),),
        _fan_out,
        prepare=_join,
        count=4,
        quick=1,
    ),
    Case(
        "memory.threads",
        "memory",
        (
            Metric("loop", "send and receive on one loop", "msg/s"),
            Metric("thread", "send from another thread", "msg/s"),
            Metric("", "thread ÷ loop", "×", bars={"": 0.5}, quotient=("thread", "loop")),
        ),
        _threads,
        count=20_000,
        quick=200,
        ours_only=True,
    ),
    Case(
        "memory.million-channels",
        "memory",
        (
            Metric(
                "ratio",
                "memory after a million channels ÷ before",
                "×",
                "less",
                bars={"": 1.05},
                compared="",
            ),
        ),
        _million,
        count=1_000_000,
        quick=1000,
        fixed=True,
        rounds=1,
    ),
]
