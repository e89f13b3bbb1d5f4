"""What every test relies on: async tests run, nothing hangs, nothing is skipped under CI."""

import asyncio
import functools
import inspect
import io
import os
import signal
import traceback
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import hypothesis
import pytest

PATIENCE = 60.0  # seconds an async test may take, unless marked @pytest.mark.patience(seconds)
GRACE = 5.0  # seconds a test that ran out of time has to clean up after its cancellation

UNDER_CI = os.environ.get("CI", "").lower() not in ("", "0", "false")

# The clock of a busy machine must not decide a test, so examples have no deadline.
hypothesis.settings.register_profile(
    "fairway",
    deadline=None,
    derandomize=UNDER_CI,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("fairway")


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line(
        "markers", "patience(seconds): how long this async test may take instead of a minute"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test, or the async body of a `@given` test, in a loop of its own."""
    test = pyfuncitem.obj
    patience = _patience(pyfuncitem)
    if inspect.iscoroutinefunction(test):
        arguments = inspect.signature(test).parameters
        _in_new_loop(test, patience)(**{name: pyfuncitem.funcargs[name] for name in arguments})
        return True
    handle = getattr(test, "hypothesis", None)
    if handle is not None and inspect.iscoroutinefunction(handle.inner_test):
        handle.inner_test = _in_new_loop(handle.inner_test, patience)
    return None


def _patience(item: pytest.Function) -> float:
    mark = item.get_closest_marker("patience")
    return float(mark.args[0]) if mark else PATIENCE


def _in_new_loop(
    test: Callable[..., Coroutine[Any, Any, None]], patience: float
) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(_within(patience, test(*args, **kwargs)), debug=False)

    return run


async def _within(seconds: float, coroutine: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(coroutine)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        stacks = _stacks(asyncio.all_tasks() - {asyncio.current_task()})
        task.cancel()
        await asyncio.wait({task}, timeout=GRACE)
        pytest.fail(f"not finished after {seconds:g} seconds; its tasks were at:\n{stacks}")
    task.result()


def _stacks(tasks: set[Any]) -> str:
    """Where each task waits, down through every coroutine it awaits."""
    report = io.StringIO()
    for task in tasks:
        print(task, file=report)
        awaited = task.get_coro()
        while getattr(awaited, "cr_frame", None):
            traceback.print_stack(awaited.cr_frame, limit=1, file=report)
            awaited = awaited.cr_await
    return report.getvalue()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    return _refuse_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    return _refuse_skip(report)


def _refuse_skip(report: Any) -> Any:
    """Under CI a skipped test is a failed one: there, everything it needs was installed."""
    if UNDER_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and CI skips nothing: {report.longrepr}"
    return report
