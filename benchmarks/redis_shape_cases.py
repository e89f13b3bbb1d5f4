"""What a message costs on Redis, and how costs grow: with members, processes, servers."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from . import procedures
from .case import Case, Figures, Metric, Stage
from .process_cases import PAUSE, fan_out, join, messages, warm_specific, warm_up

_MEMBERS = (1, 10, 100, 1000, 10_000)
_PROCESSES = (1, 2, 4, 8, 16)
_SHARDS = (1, 2, 4)
#: Channels of one receiver in the cases with several servers, so that all servers have some.
_CHANNELS = 64
#: In flight there: as many for each server as one has in the other cases.
_IN_FLIGHT = 400


# -- what one message costs ------------------------------------------------------------


def _costs(name: str, what: str, unit: str) -> tuple[Metric, ...]:
    def cost(key: str, title: str, unit_of: str) -> Metric:
        return Metric(
            f"{name}-{key}", f"{what}: {title}", f"{unit_of}/{unit}", "less",
            drawn=unit_of == "µs",
        )  # fmt: skip

    return (
        cost("server", "server's processor", "µs"),
        cost("sender", "sender's processor", "µs"),
        cost("receiver", "receiver's processor", "µs"),
        cost("commands", "commands", ""),
        cost("in", "bytes to the server", "B"),
        cost("out", "bytes from the server", "B"),
    )


def _costed(name: str, work: Callable[[Stage, int], object]) -> Callable[[Stage, int], Figures]:
    """``work`` on ``count`` messages, and what each of them cost."""

    def measure(stage: Stage, count: int) -> Figures:
        sides = stage.sender, stage.receiver
        servers = stage.server_uses()
        before = [side.call(procedures.cpu_seconds) for side in sides]
        work(stage, count)
        after = [side.call(procedures.cpu_seconds) for side in sides]
        used = stage.server_uses()[0] - servers[0]
        sender, receiver = (a - b for a, b in zip(after, before, strict=True))
        return {
            f"{name}-server": used.cpu / count * 1e6,
            f"{name}-sender": sender / count * 1e6,
            f"{name}-receiver": receiver / count * 1e6,
            f"{name}-commands": used.commands / count,
            f"{name}-in": used.bytes_in / count,
            f"{name}-out": used.bytes_out / count,
        }

    return measure


def _paced(stage: Stage, count: int) -> None:
    stage.receiver.start(procedures.receive_ages, stage.channel, count)
    stage.sender.call(procedures.send_paced, stage.channel, count, PAUSE)
    stage.receiver.result()


def _cost_case(
    name: str, what: str, unit: str, prepare: Callable[[Stage], None],
    work: Callable[[Stage, int], object], count: int, *, fixed: bool = False,
) -> Case:  # fmt: skip
    return Case(
        f"redis-cost.{name}", "redis-cost", _costs(name, what, unit), _costed(name, work),
        prepare=prepare, count=count, quick=100, fixed=fixed,
    )  # fmt: skip


_COST_CASES = [
    _cost_case("specific", "process-specific, 100 in flight", "msg", warm_specific, messages, 1000),
    _cost_case("normal", "normal, 100 in flight", "msg", warm_up, messages, 1000),
    _cost_case(
        "single", "process-specific, one at a time", "msg", warm_specific, _paced, 300, fixed=True
    ),
    _cost_case("fan-out", "group_send to 1000 members", "call", join(1000), fan_out(1000), 4),
]


# -- what waiting costs ----------------------------------------------------------------


def _wait(stage: Stage) -> None:
    channels = [*stage.receiver.call(procedures.new_channels, 1), stage.channel]
    stage.receiver.call(procedures.wait_for_ever, channels)


def _idle(stage: Stage, seconds: int) -> Figures:
    server = stage.server_uses()[0]
    before = stage.receiver.call(procedures.cpu_seconds)
    time.sleep(seconds)
    process = stage.receiver.call(procedures.cpu_seconds) - before
    used = stage.server_uses()[0] - server
    return {
        "process": process / seconds * 1000,
        "server": used.cpu / seconds * 1000,
        "commands": used.commands / seconds,
        "bytes": (used.bytes_in + used.bytes_out) / seconds,
    }


_IDLE_CASES = [
    Case(
        "redis-idle.waiting", "redis-idle",
        (
            Metric("process", "the process's processor", "ms/s", "less"),
            Metric("server", "the server's processor", "ms/s", "less"),
            Metric("commands", "commands", "1/s", "less"),
            Metric("bytes", "bytes, both ways", "B/s", "less"),
        ),
        _idle, prepare=_wait, count=20, quick=1, fixed=True, rounds=2,
        apart=True,
    ),
]  # fmt: skip


# -- how a group_send grows ------------------------------------------------------------


def _growing(of: str) -> tuple[Metric, ...]:
    return (
        Metric("returns", f"group_send returns after, p50; {of}", "µs", "less"),
        Metric("last", f"the last member has it after, p50; {of}", "µs", "less"),
        Metric("server", f"server's processor per call; {of}", "µs", "less"),
    )


def _join_in(processes: int, members: int) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.receivers = stage.settled(processes)
        for receiver in stage.receivers:
            receiver.call(procedures.join, stage.group, members)

    return prepare


def _group_sends(stage: Stage, count: int) -> Figures:
    spans = [_one_group_send(stage) for _ in range(count)]
    before = stage.server_uses()[0]
    _group_sends_in_a_row(stage, count)
    used = stage.server_uses()[0] - before
    return {
        "returns": median(returned for returned, _ in spans) * 1e6,
        "last": median(last for _, last in spans) * 1e6,
        "server": used.cpu / count * 1e6,
    }


def _one_group_send(stage: Stage) -> tuple[float, float]:
    for receiver in stage.receivers:
        receiver.start(procedures.await_one_each, stage.group)
    for receiver in stage.receivers:
        receiver.result()
    start, returned = stage.sender.call(procedures.timed_group_send, stage.group)
    ends = [receiver.call(procedures.last_of_them) for receiver in stage.receivers]
    return returned - start, max(ends) - start


def _group_sends_in_a_row(stage: Stage, count: int) -> None:
    for receiver in stage.receivers:
        receiver.start(procedures.receive_each, stage.group, count)
    stage.sender.call(procedures.group_send, stage.group, count)
    for receiver in stage.receivers:
        receiver.result()


_MEMBER_CASES = [
    Case(
        f"redis-members.{n}", "redis-members",
        _growing(f"{n:,} member{'s' if n > 1 else ''}"),
        _group_sends, prepare=_join_in(1, n), count=30 if n <= 1000 else 10, quick=1,
        fixed=True, at=n, rounds=None if n <= 1000 else 3,
    )
    for n in _MEMBERS
]  # fmt: skip

_PROCESS_CASES = [
    Case(
        f"redis-processes.{n}", "redis-processes",
        _growing(f"{n} process{'es' if n > 1 else ''}"),
        _group_sends, prepare=_join_in(n, 1), count=30, quick=1, fixed=True, at=n,
    )
    for n in _PROCESSES
]  # fmt: skip


# -- several servers ---------------------------------------------------------------------


def _on_shards(kind: str, shards: int) -> tuple[Metric, ...]:
    of = f"{kind} channel{'s' if kind != 'normal' else ''}"
    on = f"{shards} server{'s' if shards > 1 else ''}"
    return (
        Metric(f"{kind}-rate", f"{of}; {on}", "msg/s"),
        Metric(f"{kind}-all", f"{of}, all servers' processors; {on}", "µs/msg", "less"),
        Metric(f"{kind}-busiest", f"{of}, the busiest server's; {on}", "µs/msg", "less"),
    )


def _spread(kind: str, work: Callable[[Stage, int], float]) -> Callable[[Stage, int], Figures]:
    def measure(stage: Stage, count: int) -> Figures:
        before = stage.server_uses()
        count = count // _IN_FLIGHT * _IN_FLIGHT
        seconds = work(stage, count)
        used = [(a - b).cpu for a, b in zip(stage.server_uses(), before, strict=True)]
        return {
            f"{kind}-rate": count / seconds,
            f"{kind}-all": sum(used) / count * 1e6,
            f"{kind}-busiest": max(used) / count * 1e6,
        }

    return measure


def _normal(stage: Stage, count: int) -> float:
    stage.receiver.start(procedures.receive, stage.channel, count)
    start = stage.sender.call(procedures.send, stage.channel, count, _IN_FLIGHT)
    return float(stage.receiver.result() - start)


def _specific(stage: Stage, count: int) -> float:
    stage.receiver.start(procedures.receive_over, stage.channels, count)
    start = stage.sender.call(procedures.send_over, stage.channels, count, _IN_FLIGHT)
    return float(stage.receiver.result() - start)


def _make_channels(stage: Stage) -> None:
    stage.channels = stage.receiver.call(procedures.new_channels, _CHANNELS)


_SHARD_CASES = [
    Case(
        f"redis-shards.{kind}-{n}", "redis-shards", _on_shards(kind, n), _spread(kind, work),
        prepare=prepare, count=4000, quick=_IN_FLIGHT, ours_only=True, servers=n, at=n,
    )
    for kind, prepare, work in (
        ("process-specific", _make_channels, _specific),
        ("normal", warm_up, _normal),
    )
    for n in _SHARDS
]  # fmt: skip

CASES = [*_COST_CASES, *_IDLE_CASES, *_MEMBER_CASES, *_PROCESS_CASES, *_SHARD_CASES]
