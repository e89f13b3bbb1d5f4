"""What the layers on databases cost: a message, a waiting process, the application beside."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import database_procedures, procedures
from .case import Case, Figures, Metric, Stage
from .database_cases import LOSES_MEMBERS
from .database_use import use_of
from .process_cases import IN_FLIGHT, PAUSE, fan_out, join, messages, warm_specific, warm_up
from .servers import DATABASES

_SERVERS = ("postgresql", "mariadb", "mysql")
#: Messages per second beside which the application is measured: fewer than any layer can carry.
_STEADY = 500
#: So long that no heartbeat comes while a case waits.
_NO_HEARTBEAT = {"heartbeat": 300.0, "lease": 900.0}

_Work = Callable[[Stage, int], object]


# -- what one message costs ------------------------------------------------------------


def _costs(store: str, name: str, what: str, unit: str) -> tuple[Metric, ...]:
    def cost(key: str, title: str, unit_of: str, drawn: bool = False) -> Metric:
        return Metric(f"{name}-{key}", f"{what}: {title}", f"{unit_of}/{unit}", "less", drawn=drawn)

    common = (
        cost("sender", "sender's processor", "µs", drawn=True),
        cost("receiver", "receiver's processor", "µs", drawn=True),
        cost("statements", "statements", ""),
    )
    if store == "sqlite":
        return (*common, cost("written", "bytes written to files", "B"))
    return (
        cost("server", "server's processor", "µs", drawn=True), *common,
        cost("log", "bytes of WAL" if store == "postgresql" else "bytes of redo log", "B"),
    )  # fmt: skip


def _costed(store: str, name: str, work: _Work) -> Callable[[Stage, int], Figures]:
    """``work`` on ``count`` messages, and what each of them cost."""

    def measure(stage: Stage, count: int) -> Figures:
        used, sides = _meter(store, stage), _seconds(stage)
        work(stage, count)
        of_store = used()
        sender, receiver = (a - b for a, b in zip(_seconds(stage), sides, strict=True))
        figures = {"sender": sender * 1e6, "receiver": receiver * 1e6}
        keys = ("statements", "written") if store == "sqlite" else ("server", "statements", "log")
        figures.update(zip(keys, of_store, strict=True))
        return {f"{name}-{key}": figure / count for key, figure in figures.items()}

    return measure


def _meter(store: str, stage: Stage) -> Callable[[], list[float]]:
    """From now on; asked later, it tells what the store has cost since."""
    if store == "sqlite":
        first = _counted(stage)
        return lambda: [now - then for now, then in zip(_counted(stage), first, strict=True)]
    before = use_of(store)

    def used() -> list[float]:
        use = use_of(store) - before
        return [use.cpu * 1e6, use.statements, use.log]

    return used


def _counted(stage: Stage) -> list[float]:
    sides = stage.sender, stage.receiver
    counted = [side.call(database_procedures.statements_and_bytes) for side in sides]
    return [sum(part) for part in zip(*counted, strict=True)]


def _seconds(stage: Stage) -> list[float]:
    return [side.call(procedures.cpu_seconds) for side in (stage.sender, stage.receiver)]


def _counting(store: str, prepare: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """Have whoever counts begin to."""

    def begin(stage: Stage) -> None:
        prepare(stage)
        if store == "sqlite":
            for side in (stage.sender, stage.receiver):
                side.call(database_procedures.count_statements)
        else:
            use_of(store)

    return begin


def _paced(stage: Stage, count: int) -> None:
    stage.receiver.start(procedures.receive_ages, stage.channel, count)
    stage.sender.call(procedures.send_paced, stage.channel, count, PAUSE)
    stage.receiver.result()


def _cost_cases(store: str) -> list[Case]:
    def case(
        name: str, what: str, unit: str, prepare: Callable[[Stage], None], work: _Work, count: int,
        *, fixed: bool = False,
    ) -> Case:  # fmt: skip
        return Case(
            f"{store}-cost.{name}", f"{store}-cost", _costs(store, name, what, unit),
            _costed(store, name, work), prepare=_counting(store, prepare), count=count,
            quick=100, fixed=fixed, without=LOSES_MEMBERS if "fan-out" in name else (),
        )  # fmt: skip

    single = "process-specific, one at a time"
    return [
        case("specific", "process-specific, 100 in flight", "msg", warm_specific, messages, 1000),
        case("normal", "normal, 100 in flight", "msg", warm_up, messages, 1000),
        case("single", single, "msg", warm_specific, _paced, 300, fixed=True),
        case("fan-out", "group_send to 100 members", "call", join(100), fan_out(100), 40),
    ]


# -- what waiting costs ----------------------------------------------------------------


def _wait(stage: Stage) -> None:
    if stage.subject.family == "sqlite":
        stage.receiver.call(database_procedures.count_statements)
    channels = [*stage.receiver.call(procedures.new_channels, 1), stage.channel]
    stage.receiver.call(procedures.wait_for_ever, channels)
    time.sleep(1)


def _idle(store: str) -> Callable[[Stage, int], Figures]:
    def measure(stage: Stage, seconds: int) -> Figures:
        before, used = _asked(store, stage), stage.receiver.call(procedures.cpu_seconds)
        time.sleep(seconds)
        used = stage.receiver.call(procedures.cpu_seconds) - used
        asked = _asked(store, stage) - before
        return {"process": used / seconds * 1000, "asked": asked / seconds}

    return measure


def _asked(store: str, stage: Stage) -> float:
    if store == "sqlite":
        looks: float = stage.receiver.call(database_procedures.looks)
        return looks
    return use_of(store).statements


def _idle_cases(store: str) -> list[Case]:
    process = Metric("process", "the process's processor", "ms/s", "less", {"": 10})
    if store == "sqlite":
        asked = Metric("asked", "looks at the file", "1/s", "less", {"": 1000})
    else:
        asked = Metric("asked", "statements", "1/s", "less")
    cases = [
        Case(
            f"{store}-idle.waiting", f"{store}-idle", (process, asked), _idle(store),
            prepare=_wait, count=20, quick=3, fixed=True, rounds=2, ours_only=True,
        )
    ]  # fmt: skip
    if store == "postgresql":
        between = Metric("asked", "statements between heartbeats", "1/s", "less", {"": 0})
        cases.append(
            Case(
                f"{store}-idle.between", f"{store}-idle", (between,), _idle(store),
                prepare=_wait, count=20, quick=1, fixed=True, rounds=2, ours_only=True,
                changes=_NO_HEARTBEAT,
            )
        )  # fmt: skip
    return cases


# -- the application beside ------------------------------------------------------------


def _make_application(store: str) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.plain.call(database_procedures.make_application, store)
        warm_up(stage)

    return prepare


def _beside(store: str) -> Callable[[Stage, int], Figures]:
    def measure(stage: Stage, seconds: int) -> Figures:
        ask = database_procedures.application_queries
        alone = stage.plain.call(ask, store, seconds)
        found = {"alone": alone}
        for key, in_flight, rate in (("steady", 5, _STEADY), ("flat", IN_FLIGHT, 0)):
            stage.receiver.start(procedures.receive_until_go, stage.channel)
            send = database_procedures.send_for
            stage.sender.start(send, stage.channel, seconds, in_flight, rate)
            found[key] = stage.plain.call(ask, store, seconds)
            found[f"{key}-rate"] = stage.sender.result() / seconds
            stage.receiver.result()
        return found

    return measure


def _beside_case(store: str) -> Case:
    def share(key: str, of: str) -> Metric:
        return Metric(key, of, "×", compared="", quotient=(key.partition("-")[0], "alone"))

    return Case(
        f"{store}-beside.queries", f"{store}-beside",
        (
            Metric("alone", "the application alone", "queries/s", compared=""),
            Metric("steady", f"beside {_STEADY} msg/s", "queries/s"),
            share("steady-share", "the latter ÷ the application alone"),
            Metric("flat", "beside a layer as fast as it goes", "queries/s", compared=""),
            share("flat-share", "the latter ÷ the application alone "),
            Metric("flat-rate", "messages meanwhile", "msg/s", compared=""),
        ),
        _beside(store), prepare=_make_application(store), count=3, quick=1, fixed=True,
    )  # fmt: skip


CASES: list[Case] = [
    *[case for store in DATABASES for case in _cost_cases(store)],
    *[case for store in DATABASES for case in _idle_cases(store)],
    *[_beside_case(store) for store in DATABASES],
]
